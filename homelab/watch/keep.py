"""Which runs go, and why each of the others stays. A run goes only if nobody can still need it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from homelab.errors import HomelabError
from homelab.watch.past import Past
from homelab.watch.settings import Keep

THROUGH = ("ok", "drift")
DAY = 86400.0  # seconds
AHEAD = 3600.0  # seconds: a run that is further in the future than that was made while the clock was wrong
FAILED = 10  # so many that did not get through stay, the newest: a machine that is gone makes one every night
GOING = ".going-"


def reasons(
    past: Sequence[Past], keep: Keep, now: float, latest: str, undoable: Callable[[Past], bool]
) -> list[tuple[Past, str]]:
    """Each run, and why it stays (empty: it goes); `latest` is the folder that ``runs/latest`` points to.

    `past` is in order, oldest first. Runs from the future do not count among the last ones: the clock was wrong
    when they were made, and they would push out those that are really new.
    """
    counted = [p for p in past if p.started <= now + AHEAD]
    last = {p.path for p in counted[-keep.last :]}
    failed = {p.path for p in [p for p in counted if p.status not in THROUGH and not _alive(p)][-FAILED:]}

    def why(one: Past) -> str:
        if one.path.name == latest:
            return "it is the latest"
        if one.path in last:
            return f"it is among the last {keep.last}"
        if now - one.started < keep.days * DAY:
            return f"it is younger than {keep.days:g} days"
        if _alive(one):
            return "it is still running"
        if one.path in failed:
            return f"it is among the last {FAILED} that did not get through"
        return "what it changed can still be taken back" if undoable(one) else ""

    return [(one, why(one)) for one in past]


def applied(one: Past) -> bool:
    """Whether the run changed anything."""
    return any(c.get("outcome") == "applied" for s in one.results["stages"] for c in s["changes"])


def _alive(one: Past) -> bool:
    return one.status == "running" and Path("/proc", str(one.results.get("pid"))).exists()


def remove(folder: Path) -> None:
    """Take a run's folder away; one that is cut off in the middle is no run any more, and goes the next time.

    Raises:
        HomelabError: it cannot be removed.
    """
    going = folder.with_name(f"{GOING}{folder.name}")
    try:
        folder.replace(going)
        shutil.rmtree(going)
    except OSError as error:
        raise HomelabError(f"cannot be removed: {error.strerror}", str(folder)) from error


def sweep(runs: Path) -> None:
    """Finish what an earlier `remove` did not."""
    for going in runs.glob(f"{GOING}*"):
        shutil.rmtree(going, ignore_errors=True)
