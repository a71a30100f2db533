"""What the runs of some weeks say side by side. Where no run knows, nothing is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from homelab.watch import findings, soon
from homelab.watch.findings import Finding
from homelab.watch.past import Past

WEEK = 7 * 86400.0  # seconds
DAY = 86400.0


@dataclass
class Thing:
    """One thing that was not as wanted: when it was seen first and last, on which days, and whether it still is."""

    finding: Finding
    first: datetime
    last: datetime
    days: dict[date, str] = field(default_factory=dict)
    now: bool = False


def window(past: Sequence[Past], now: datetime, days: int) -> tuple[list[date], list[Past], int]:
    """The last `days` days, the runs in them, and how many runs are dated in the future (the clock was wrong)."""
    head = [(now - timedelta(days=n)).date() for n in reversed(range(days))]
    ahead = [p for p in past if p.started > now.timestamp() + DAY / 24]
    inside = [p for p in past if p not in ahead and p.at.date() >= head[0]]
    return head, inside, len(ahead)


def of_run(one: Past) -> list[Finding]:
    """What a run found, its facts included."""
    found = findings.of_results(one.results)
    if one.facts:
        found += findings.of_answers(soon.answers(dict(one.facts), one.at.astimezone()))
    return found


def things(past: Sequence[Past]) -> list[Thing]:
    """What was not as wanted in the runs `past`, in the order in which it was seen first."""
    seen: dict[str, Thing] = {}
    for one in past:
        here = {f.id: f for f in of_run(one)}
        for f in here.values():
            thing = seen.setdefault(f.id, Thing(f, one.at, one.at))
            thing.finding, thing.last, thing.now = f, one.at, True
            thing.days[one.at.date()] = f.kind
        for name, thing in seen.items():
            if name in here:
                continue
            silent = _silent(one, thing.finding.stage)
            thing.now = thing.now and silent
            thing.days.setdefault(one.at.date(), "unknown" if silent else "well")
    return list(seen.values())


def _silent(one: Past, stage: str) -> bool:
    """Whether the run says nothing of the stage, or of the machine, that was asked."""
    if stage.startswith("@"):
        return not one.facts or stage in soon.unsure(dict(one.facts))
    return not any(
        s["name"] == stage and s["status"] in findings.THROUGH and not s["error"]
        for s in one.results["stages"]
    )


@dataclass(frozen=True)
class Series:
    """One figure over time: `points` are (s since 1970, value); `most` is what it can be at most (0: no limit)."""

    machine: str
    what: str
    points: tuple[tuple[float, float], ...]
    most: float = 0.0

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]

    @property
    def a_week(self) -> float | None:
        """How much it grows in a week; None where less than a day was seen."""
        (start, old), (end, new) = self.points[0], self.points[-1]
        return (new - old) / (end - start) * WEEK if end - start >= DAY else None

    @property
    def weeks_left(self) -> float | None:
        """In how many weeks it is at its most, at this pace; None where that is not known, or never."""
        pace = self.a_week
        return (self.most - self.last) / pace if pace and pace > 0 and self.most else None


def disks(past: Sequence[Past]) -> list[Series]:
    """The disks of all machines, and the files on Windows that hold those of WSL (bytes)."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    most: dict[tuple[str, str], float] = {}
    for one in past:
        for machine, seen in one.facts.get("machines", {}).items():
            for disk in soon.known(seen["disks"]):
                points.setdefault((machine, disk["mount"]), []).append((one.started, disk["used"]))
                most[machine, disk["mount"]] = disk["size"]
            for file in soon.known(seen["vhdx"]):
                name = f"{file['file']} (WSL's {file['name']}, on Windows)"
                points.setdefault((machine, name), []).append((one.started, file["size"]))
    return [Series(*name, tuple(found), most.get(name, 0.0)) for name, found in points.items()]


def stages(past: Sequence[Past]) -> list[tuple[Series, float]]:
    """What each stage took in the runs in which it got through (s), and the median of that."""
    points: dict[str, list[tuple[float, float]]] = {}
    for one in past:
        for stage in one.results["stages"]:
            if stage["status"] in findings.THROUGH and stage["status"] != "failed":
                points.setdefault(str(stage["name"]), []).append((one.started, float(stage["seconds"])))
    return [(Series("", n, tuple(p)), median(v for _, v in p)) for n, p in sorted(points.items())]


def newest(past: Sequence[Past], part: Callable[[dict[str, Any]], Any]) -> tuple[Any, Past | None, str]:
    """The newest known value of a part of the facts, the run that knew it, and why the last watch did not (or nothing)."""
    why = ""
    for one in reversed([p for p in past if p.facts]):
        value = part(dict(one.facts))
        if not (said := soon.unknown(value)):
            return value, one, why
        why = why or said
    return None, None, why
