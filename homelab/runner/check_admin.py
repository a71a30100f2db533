"""Does the tailnet's admin API take the key, and for what? Asked by reading alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from homelab.admin_refusals import scope
from homelab.check import Answer
from homelab.errors import AdminRefused, HomelabError
from homelab.machine import Pending
from homelab.params import WorldParams
from homelab.person import Person
from homelab.tailnet import Tailnet

if TYPE_CHECKING:
    from tailscale import Tailscale

NAME, WHERE = "the admin API takes the key", "the admin API"
# What stages read: the path below /tailnet/-/, the client's call, and what for.
READS: tuple[tuple[str, Callable[[Tailscale], Awaitable[Any]], str], ...] = (
    ("devices", lambda ts: ts.devices(), "the machines"),
    ("acl", lambda ts: ts.policy_file(), "the policy"),
    ("dns/preferences", lambda ts: ts.dns_preferences(), "names and certificates"),
    ("keys", lambda ts: ts.keys(), "auth keys"),
    ("users", lambda ts: ts.users(), "people"),
    ("settings", lambda ts: ts.tailnet_settings(), "the tailnet's settings"),
)


def admin(common: WorldParams, person: Person, pending: Pending, value: str = "") -> Iterator[Answer]:
    """One answer for the key, one for every scope that it lacks; without a key, what that costs.

    `value` is the key's, where it is known by now: its command is run once.
    """
    key = common.api_key
    if not common.is_tailscale:
        said = f"nodes log in to {common.login_server}, and Tailscale's API knows nothing of them: it is not asked"
        if key is not None:
            hint = "leave api_key out: policy, names and routes are set on your own server"
            yield Answer(NAME, WHERE, "warn", f"{said}, whatever api_key opens", hint)
        else:
            yield Answer(
                NAME,
                WHERE,
                "skip",
                said,
                "what it tells is skipped; policy and names are set on your own server",
            )
        return
    if key is None:
        said = "no key is given: what only the admin panel can tell is skipped, and done by hand"
        yield Answer(NAME, WHERE, "skip", said, "api_key: env:TS_API_KEY, in the params file")
        return
    tailnet = Tailnet(value or key, person, pending)
    try:
        yield from asked(tailnet)
    finally:
        tailnet.close()


def asked(tailnet: Tailnet) -> Iterator[Answer]:
    """What `tailnet` lets us read, and the scopes that are missing."""
    opened, lacks = [], []
    for path, ask, what in READS:
        try:
            tailnet.call(ask)
        except AdminRefused as error:
            if error.status != 403:
                yield Answer(NAME, WHERE, "fail", error.what, error.hint)
                return
            needed = scope("GET", f"tailnet/-/{path}")
            lacks.append(
                Answer(f"the key opens {what}", WHERE, "warn", f"it lacks the scope {needed}", error.hint)
            )
        except HomelabError as error:
            yield Answer(NAME, WHERE, "fail", error.what, error.hint)
            return
        else:
            opened.append(what)
    if not opened:
        yield Answer(NAME, WHERE, "fail", "it opens nothing of what stages read", lacks[0].hint)
        return
    yield Answer(
        NAME, WHERE, "ok", f"it reads {', '.join(opened)}; whether it may write is seen when something is"
    )
    yield from lacks
