"""The tailnet's policy file: HuJSON, edited with its comments kept, shown as a diff, never overwritten blindly."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from homelab.errors import StalePlan
from homelab.policy.lockout import refuse_lockout, touches_access, us
from homelab.resources.admin_api import BASE

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

FILE = "policy.hujson"


@dataclass(frozen=True)
class State:
    """The policy's `text`; `etag` names the edition that was read, so that nobody else's edit is lost."""

    text: str
    etag: str = field(default="", compare=False, metadata={"show": False})


def read(tailnet: Tailnet, name: str = "") -> State:
    """By the admin API."""
    found = tailnet.call(lambda ts: ts.policy_file())
    return State(found.policy, found.etag or "")


def difference(before: State, after: State) -> str:
    """The edit as a unified diff."""
    lines = difflib.unified_diff(
        before.text.splitlines(), after.text.splitlines(), "policy now", "policy wanted", lineterm="", n=1
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


def do(tailnet: Tailnet, before: State, after: State) -> None:
    """The same request through the client library; it names the edition that it replaces.

    Raises:
        StalePlan: the policy is no longer `before`.
        HomelabError: it would lock us out (`homelab.policy.lockout`), which is not even sent; or the API
            refuses: an error in the policy (with its line), or somebody was quicker.
    """
    now = read(tailnet)
    if now.text != before.text:
        raise StalePlan("somebody changed the policy in between", "tailnet", "make the plan again")
    if touches_access(now.text, after.text):
        refuse_lockout(now.text, after.text, us(tailnet))
    tailnet.call(lambda ts: ts.set_policy_file(after.text, etag=now.etag or None))
