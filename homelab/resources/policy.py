"""The tailnet's policy file: HuJSON, edited with its comments kept, shown as a diff, never overwritten blindly."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from homelab.errors import AdminRefused, StalePlan
from homelab.policy.lockout import refuse_lockout, touches_access, us
from homelab.policy.merge import merged
from homelab.resources.admin_api import BASE

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

FILE, FOUND = "policy.hujson", "policy.found"
PAGE = "https://login.tailscale.com/admin/acls"
# What a script does before it sends FILE: it has no editor, and must overwrite nobody.
LOOK = f"""\
curl -fsS -u "$TS_API_KEY:" -H "Accept: application/hujson" {BASE}/tailnet/-/acl >policy.now
if [ "$(cat policy.now)" != "$(cat {FOUND})" ]; then
    diff {FOUND} policy.now >&2 || true
    echo "Since the plan was made the policy has changed (>), by the page for Funnel, or by somebody." >&2
    echo "Type this step's edit in yourself, at {PAGE}, and go on with the next; or make the plan anew." >&2
    exit 1
fi"""


@dataclass(frozen=True)
class State:
    """The policy's `text`; `etag` names the edition that was read, so that nobody else's edit is lost."""

    text: str
    etag: str = field(default="", compare=False, metadata={"show": False})


def read(tailnet: Tailnet, name: str = "") -> State:
    """By the admin API."""
    found = tailnet.call(lambda ts: ts.policy_file())
    return State(found.policy, found.etag or "")


def merge(base: State, one: State, other: State) -> State:
    """`one`, with all that was changed from `base` to `other` as well; its edition is known when it is sent.

    Raises:
        Disagree: both have changed the same, and differently.
    """
    return State(merged(base.text, one.text, other.text))


def difference(before: State, after: State) -> str:
    """The edit as a unified diff."""
    return _diff(before, after, "policy now", "policy wanted")


def _diff(one: State, other: State, one_is: str, other_is: str) -> str:
    lines = difflib.unified_diff(
        one.text.splitlines(), other.text.splitlines(), one_is, other_is, lineterm="", n=1
    )
    return "\n".join(lines)


def command(before: State, after: State) -> list[str]:
    """Send the wanted text, kept in ``policy.hujson``, unless somebody changed the policy in between."""
    match = f"-H 'If-Match: {before.etag}' " if before.etag else ""
    line = (
        f'curl -fsS -u "$TS_API_KEY:" -X POST {match}-H "Content-Type: application/hujson" '
        f"--data-binary @{FILE} {BASE}/tailnet/-/acl"
    )
    return ["sh", "-c", line]


def beside(before: State, after: State) -> dict[str, str]:
    """The files that the command, and the `LOOK` before it, want in the folder where they are typed, by name."""
    return {FOUND: before.text, FILE: after.text}


def do(tailnet: Tailnet, before: State, after: State) -> None:
    """The same request through the client library; it names the edition that it replaces.

    Raises:
        StalePlan: the policy is no longer `before`: what somebody changed is shown.
        HomelabError: it would lock us out (`homelab.policy.lockout`), which is not even sent; or the API
            refuses an error in the policy (with its line).
    """
    now = read(tailnet)
    if now.text != before.text:
        raise _changed(before, now)
    if touches_access(now.text, after.text):
        refuse_lockout(now.text, after.text, us(tailnet))
    try:
        tailnet.call(lambda ts: ts.set_policy_file(after.text, etag=now.etag or None))
    except AdminRefused as error:
        if error.status == 412:
            raise _changed(before, read(tailnet)) from error
        raise


def _changed(planned: State, now: State) -> StalePlan:
    """Somebody was quicker: what they changed, as a diff."""
    edit = _diff(planned, now, "policy that the plan was made from", "policy now")
    what = f"somebody changed the policy in between:\n{edit}"
    return StalePlan(what, "tailnet", "nothing was overwritten; make the plan again, on top of theirs")
