"""A policy that would lock out the person who applies it is refused before it is sent.

"We" are a person: the one who plays in the lab, whose machine this is at home, or else the tailnet's
owner. What a policy says of tags and roles alone would not do: it has to be that person who still gets
through. It is a lock-out if after the change

1. a device of the tailnet that one of our own devices reached on some port is reached by none of them
   on any port (a rule whose effect cannot be told from the text counts as one that lets through);
2. the way by which we are here is shut: this process was started over SSH, across the tailnet, and that
   device could no longer open that port here, or, where Tailscale SSH answers, no longer become that user;
3. the way to a machine of this home is shut, in the same sense: it is reached over the tailnet, by
   ``tailscale://`` or by ``ssh://`` and its node's name or address.

Fewer ports are no lock-out, nor are networks behind a device, nor what other people lose, nor a tag that
nobody may give any more: a device that carries it keeps it. The admin page is never shut by a policy: who
really means it, edits it there.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.policy import policyfile
from homelab.policy.allowed import Node, Verdict, allowed
from homelab.policy.nodes import nodes
from homelab.policy.people import people
from homelab.resources.tailscale_status import status

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

PAGE = "https://login.tailscale.com/admin/acls"
SSH = 22
WHO = ("groups", "hosts", "ipsets", "postures")  # what rules name


@dataclass(frozen=True)
class Way:
    """An SSH connection across the tailnet: the addresses of both ends, and the `user` that we are at its end.

    `by_policy`: Tailscale SSH answers it, so that the policy's section ``ssh`` counts. `to` is the machine of this
    home to which it leads; empty: it is the one over which we are here.
    """

    client: str
    server: str
    port: int
    user: str
    by_policy: bool
    to: str = ""


@dataclass(frozen=True)
class Us:
    """Who we are in the tailnet of `devices`, how we came here, and how we reach the machines of this home."""

    login: str
    devices: tuple[Node, ...]
    ways: tuple[Way, ...] = ()

    @property
    def own(self) -> list[Node]:
        """Our own devices: those that belong to us in person."""
        return [d for d in self.devices if d.user == self.login and not d.tags and not d.shared]


def us(tailnet: Tailnet) -> Us:
    """Who we are, asked of this world: see the module.

    Raises:
        HomelabError: the API does not say who is in the tailnet.
    """
    return Us(people(tailnet).login, tuple(nodes(tailnet)), (*_way_in(tailnet), *_ways_out(tailnet)))


def _way_in(tailnet: Tailnet) -> Iterator[Way]:
    words = os.environ.get("SSH_CONNECTION", "").split()
    if tailnet.here is None or len(words) != 4:
        return
    client, _, server, port = words
    here = (d for d in tailnet.call(lambda ts: ts.devices()).values() if server in d.addresses)
    by_policy = any(d.ssh_enabled for d in here)
    yield Way(client, server, int(port), getpass.getuser(), by_policy)


def _ways_out(tailnet: Tailnet) -> Iterator[Way]:
    """To the machines of this home whose addresses are nodes; an alias of ~/.ssh/config is not looked up."""
    reached = [a for a in tailnet.reached if a.way != "local"]
    if tailnet.here is None or not reached:
        return
    own = list(status(tailnet.here).get("TailscaleIPs") or ())
    for device in tailnet.call(lambda ts: ts.devices()).values():
        names = {device.name, device.name.split(".")[0], *device.addresses}
        for at in (a for a in reached if own and a.host.rstrip(".") in names):
            user, by_policy = at.user or getpass.getuser(), at.way == "tailscale" or bool(device.ssh_enabled)
            yield Way(own[0], device.addresses[0], at.port or SSH, user, by_policy, str(at))


def touches_access(before: str, after: str) -> bool:
    """Whether who may do what could differ at all; only then there is something to ask.

    Raises:
        HomelabError: one of the two is not HuJSON.
    """
    old, new = policyfile.data(before), policyfile.data(after)
    return any(old.get(k) != new.get(k) for k in ("grants", "acls", "ssh", *WHO))


def refuse_lockout(before: str, after: str, me: Us) -> None:
    """Nothing, if `me` is not locked out by the change of the policy from the text `before` to `after`.

    Raises:
        HomelabError: it is a lock-out (see the module); with the rule that let us through, and what to do.
    """
    old, new = policyfile.data(before), policyfile.data(after)
    lost = [*_devices_lost(old, new, me), *(w for way in me.ways for w in _way_lost(old, new, me, way))]
    if lost:
        what, keep = lost[0]
        more = f"; and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise HomelabError(
            f"this policy would lock out {me.login}: {what}{more}; it was not sent",
            "the policy",
            f"{keep}; or, if that is meant, edit it yourself at {PAGE}",
        )


def _devices_lost(old: Mapping[str, Any], new: Mapping[str, Any], me: Us) -> Iterator[tuple[str, str]]:
    for device in me.devices:
        ways = [own for own in me.own if own != device and _passes(old, own, device)]
        if ways and not any(_passes(new, own, device) is not False for own in me.own if own != device):
            rule = _rule(old, ("grants", "acls"), lambda p, own=ways[0], d=device: _passes(p, own, d))
            yield (
                f"{device.name} could be reached on no port any more, which {rule} allows now",
                f"keep a rule that lets {me.login} reach it",
            )


def _way_lost(old: Mapping[str, Any], new: Mapping[str, Any], me: Us, way: Way) -> Iterator[tuple[str, str]]:
    source = next((d for d in me.devices if way.client in d.addresses), None)
    target = next((d for d in me.devices if way.server in d.addresses), None)
    if not source or not target:
        return

    def opens(policy: Mapping[str, Any]) -> Verdict:
        return _sure(policy, source, target, way.server, "tcp", way.port)

    def lets(policy: Mapping[str, Any]) -> Verdict:
        return _becomes(policy, source, target, way.user)

    here = f"the SSH connection from {source.name} by which you are here"
    if way.to:
        here = f"{way.to}, by which this home is reached from {source.name},"
    if opens(old) and opens(new) is False:
        rule = _rule(old, ("grants", "acls"), opens)
        yield f"{here} needs port {way.port}, which {rule} allows now", "keep that port open for it"
    elif way.by_policy and lets(old) and lets(new) is False:
        rule = _rule(old, ("ssh",), lets)
        yield f"{here} makes you {way.user}, which {rule} allows now", "keep an ssh rule for it"


def _becomes(policy: Mapping[str, Any], source: Node, target: Node, user: str) -> Verdict:
    """Whether a rule of the section ``ssh`` lets `source` be `user` on `target`, with or without a check."""
    found: Verdict = False
    for rule in policy.get("ssh", ()):
        as_grant = {"src": rule.get("src", ()), "dst": rule.get("dst", ()), "ip": ["*"]}
        verdict = _passes(_with(policy, as_grant), source, target)
        if verdict is False or not _is_one(rule.get("users", ()), user):
            continue
        if verdict:
            return True
        found = None
    return found


def _is_one(users: Sequence[str], user: str) -> bool:
    return any(
        u == user or (u == "autogroup:nonroot" and user != "root") or u.startswith("localpart:")
        for u in users
    )


def _passes(policy: Mapping[str, Any], source: Node, target: Node) -> Verdict:
    """Whether any packet of `source` comes through to `target`: a ping does wherever one port is open."""
    return _sure(policy, source, target, "", "icmp", 0)


def _sure(
    policy: Mapping[str, Any], source: Node, target: Node, address: str, protocol: Any, port: int
) -> Verdict:
    try:
        return allowed(policy, source, target, address, protocol, port)
    except (ValueError, TypeError, AttributeError):
        return None  # a mistake in a rule: the control plane refuses it, and names the line


def _with(policy: Mapping[str, Any], *grants: Mapping[str, Any]) -> dict[str, Any]:
    """A policy of only `grants`, in which groups and hosts mean what they do in `policy`."""
    return {**{name: policy[name] for name in WHO if name in policy}, "grants": list(grants)}


def _rule(policy: Mapping[str, Any], sections: Sequence[str], lets: Any) -> str:
    """The first rule of `sections` that alone would do, as it stands in the policy: ``grants 1, {…}``."""
    names = {name: policy[name] for name in WHO if name in policy}
    for section in sections:
        for n, rule in enumerate(policy.get(section, ()), 1):
            if lets({**names, section: [rule]}):
                return f"{section} {n}, {json.dumps(rule)},"
    return "the policy"
