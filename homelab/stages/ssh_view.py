"""What the chapter on SSH shows: who may be whom, and the ways that a session and its recording take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from homelab.pictures.tables import Table
from homelab.policy.ssh_policy import Rule
from homelab.route import legs

if TYPE_CHECKING:
    from homelab.pictures.picture import Picture
    from homelab.world import World


def who_may(rules: Iterable[Rule]) -> Table:
    """The rules in words, one a row."""
    head = ("who", "on which machines", "as whom", "how", "recorded")
    return Table(
        head,
        tuple((_list(r, "src"), _list(r, "dst"), _list(r, "users"), _how(r), _recorded(r)) for r in rules),
        "Nobody may open a shell anywhere.",
    )


def _list(rule: Rule, key: str) -> str:
    return ", ".join(str(value) for value in rule.get(key) or [])


def _how(rule: Rule) -> str:
    if rule.get("action") != "check":
        return "at once"
    period = rule.get("checkPeriod", "12h")
    return "asked every time" if period == "always" else f"asked, and then not for {period}"


def _recorded(rule: Rule) -> str:
    if not rule.get("recorder"):
        return "no"
    return "or there is no session" if rule.get("enforceRecorder") else "if the recorder is there"


def ways(world: World, start: str, server: str, recorder: str) -> Picture | None:
    """How packets go from `start` to `server`, and from there to the recorder; None where it cannot be asked."""
    from homelab.pictures.route import routes

    found = {"the session": legs(world, start, server), "its recording": legs(world, server, recorder)}
    if not all(found.values()):
        return None
    return routes(found, "A session and its recording, each on its own way through the tailnet")
