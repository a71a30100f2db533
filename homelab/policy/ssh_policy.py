"""The policy's ``ssh`` section: who may be whom on which machine, and whether anybody could watch.

Sources: https://tailscale.com/kb/1337/policy-syntax (ssh), https://tailscale.com/kb/1246/tailscale-ssh-session-recording
(``recorder``, ``enforceRecorder``; without the second, recording fails open).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Policy = Mapping[str, Any]
Rule = Mapping[str, Any]
SELF = "autogroup:self"


@dataclass(frozen=True)
class Hole:
    """A rule, in words, and `what` an auditor would say of it; `open`: sessions may happen that nobody sees."""

    rule: str
    what: str
    open: bool = True

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def rule(
    action: str,
    sources: Sequence[str],
    destinations: Sequence[str],
    users: Sequence[str],
    *,
    recorder: str = "",
    enforce: bool = True,
    period: str = "",
) -> dict[str, Any]:
    """A rule as the policy has it: `action` is accept or check, `period` how long one check holds."""
    made: dict[str, Any] = {
        "action": action,
        "src": list(sources),
        "dst": list(destinations),
        "users": list(users),
    }
    if action == "check" and period:
        made["checkPeriod"] = period
    if recorder:
        made["recorder"] = [recorder]
        made["enforceRecorder"] = enforce
    return made


def rules(policy: Policy) -> list[Rule]:
    """The rules of the section; none where it is missing."""
    return [r for r in policy.get("ssh") or [] if isinstance(r, Mapping)]


def words(one: Rule) -> str:
    """A rule in one line: ``check autogroup:member → autogroup:self as root``."""
    return f"{one.get('action')} {_list(one, 'src')} → {_list(one, 'dst')} as {_list(one, 'users')}"


def _list(one: Rule, key: str) -> str:
    return ", ".join(str(v) for v in one.get(key) or [])


def holes(policy: Policy, tags: Collection[str] | None = None) -> list[Hole]:
    """What is wrong for an auditor, rule by rule; `tags` are those that devices carry, if that is known."""
    found = []
    for one in rules(policy):
        wanted = [str(t) for t in one.get("recorder") or []]
        enforced = bool(one.get("enforceRecorder"))
        missing = [t for t in wanted if tags is not None and t not in tags]
        if not wanted:
            found.append(Hole(words(one), "no recorder, so nothing of it is recorded"))
        elif not enforced:
            found.append(
                Hole(words(one), "fails open: with the recorder away, sessions go on and nobody records them")
            )
        if missing and len(missing) == len(wanted):
            what = "nobody gets in" if enforced else "nothing is recorded"
            found.append(Hole(words(one), f"no device carries {', '.join(missing)}: {what}", not enforced))
    return found


def access(policy: Policy, me: str) -> frozenset[tuple[str, str]]:
    """Where `me` (a login name) may open a shell, and as whom: pairs of destination and user.

    Who has which role the policy does not say: every ``autogroup:`` may mean the runbook's user, who
    has an admin's key. With an empty `me` so may every person.
    """
    groups = policy.get("groups") or {}
    return frozenset(
        (str(where), str(user))
        for one in rules(policy)
        if any(means(str(source), me, groups) for source in one.get("src") or [])
        for where in one.get("dst") or []
        for user in one.get("users") or []
    )


def means(source: str, me: str, groups: Mapping[str, Any]) -> bool:
    """Whether the selector `source` is, or could be, the person `me`; see `access`."""
    if source.startswith("group:"):
        return not me or me in (groups.get(source) or [])
    if source.startswith("tag:"):
        return False
    return not me or source == me or (source.startswith("autogroup:") and source != "autogroup:tagged")


def lost(before: Policy, after: Policy, me: str) -> list[str]:
    """The shells that `me` has by `before` and no longer by `after`, in words."""
    return sorted(f"{user} on {where}" for where, user in access(before, me) - access(after, me))


def locks_out(before: Policy, after: Policy, me: str) -> bool:
    """Whether `after` takes the last shell that `me` has by `before`."""
    return bool(access(before, me)) and not access(after, me)
