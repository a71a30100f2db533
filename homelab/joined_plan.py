"""The plans of several stages as one: what is to be done in this world, each change once.

Every stage has planned for itself, from the world as it is now, as if it were alone. So the same need is planned by
several of them (it counts once), a lesson is planned there and back (it counts for nothing), and two stages may want
different things of one and the same: then the second is planned from what the first leads to. Where that cannot be
told, the later stage's change is left for the next run, and so is all that this stage wanted to do after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from homelab.errors import HomelabError
from homelab.history import Thing, thing
from homelab.plan import Change, State, matches
from homelab.record import masked
from homelab.secret import MASK
from homelab.three_way import Disagree, merge


@dataclass(frozen=True)
class Step:
    """A change, and the stage that wants it first."""

    stage: str
    change: Change


@dataclass(frozen=True)
class Left:
    """What a stage wanted and this plan does not do: on which `machine`, `why` it was wanted, and the `reason`."""

    stage: str
    machine: str
    why: str
    reason: str


@dataclass(frozen=True)
class Joined:
    """The steps in order, what was left out, and what else is to be said."""

    steps: tuple[Step, ...] = ()
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many changes wait: those left out wait too."""
        return len(self.steps) + len(self.left)

    def ways(self) -> dict[Thing, list[Change]]:
        """The changes of each thing, in order."""
        found: dict[Thing, list[Change]] = {}
        for step in self.steps:
            found.setdefault(thing(step.change), []).append(step.change)
        return found


Record = Mapping[str, Any]
Planned = Iterable[tuple[str, Iterable[Record]]]


def join(planned: Planned) -> Joined:
    """One plan out of what stages have planned: their names, and for each the records of its planned changes, in order."""
    made = _Made()
    for stage, records in planned:
        changes = [_read(record) for record in records]
        made.add(stage, without_detours(changes))
    return Joined(tuple(made.steps), tuple(made.left))


def _read(record: Record) -> Change | Left:
    left = Left("", str(record.get("machine")), str(record.get("why")), "")
    data = record.get("change")
    if not isinstance(data, Mapping):
        return replace(left, reason="its notebook did not say from what to what")
    if MASK in str(data) or masked(dict(data)) != data:
        return replace(left, reason="a secret is part of it, which is never saved: its notebook applies it")
    try:
        return Change.load(data)
    except HomelabError as error:
        return replace(left, reason=error.what)


def without_detours(changes: Iterable[Change | Left]) -> list[Change | Left]:
    """`changes` without what is taken back right after it: a lesson, and the lessons within it."""
    way: list[Change | Left] = []
    for change in changes:
        last = way[-1] if way else None
        if isinstance(change, Change) and isinstance(last, Change) and _is_back(change, last):
            way.pop()
        else:
            way.append(change)
    return way


def _is_back(change: Change, last: Change) -> bool:
    return thing(change) == thing(last) and change.before == last.after and change.after == last.before


class _Made:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.left: list[Left] = []
        self._ways: dict[Thing, list[Change]] = {}

    def add(self, stage: str, changes: Iterable[Change | Left]) -> None:
        """What `stage` wants, as far as it goes together with what the others want."""
        stopped = ""
        for change in changes:
            if isinstance(change, Left):
                self._leave(replace(change, stage=stage, reason=change.reason))
                stopped = stopped or change.why
            elif not self._is_planned(change):
                reason = f"waits for “{stopped}”" if stopped else self._go(stage, change)
                if reason:
                    self._leave(Left(stage, change.machine, change.why, reason))
                    stopped = stopped or change.why

    def _leave(self, left: Left) -> None:
        if not any((left.machine, left.why) == (known.machine, known.why) for known in self.left):
            self.left.append(left)

    def _is_planned(self, change: Change) -> bool:
        way = self._ways.get(thing(change), ())
        return any(matches(c.before, change.before) and _same(c.after, change.after) for c in way)

    def _go(self, stage: str, change: Change) -> str:
        """Add `change`; or why that cannot be."""
        way = self._ways.setdefault(thing(change), [])
        if not way or _same(way[-1].after, change.before):
            self._append(stage, change)
            return ""
        first, now = way[0].before, way[-1].after
        earlier = next(s.stage for s in self.steps if s.change is way[-1])
        if not matches(first, change.before):
            return f"planned again when {earlier} is applied"
        try:
            both: State = merge(first, now, change.after)
        except Disagree as error:
            return f"{earlier} changes its {error.what} too: planned again when that is applied"
        if both != now:
            self._append(stage, replace(change, before=now, after=both))
        return ""

    def _append(self, stage: str, change: Change) -> None:
        self.steps.append(Step(stage, change))
        self._ways[thing(change)].append(change)


def _same(one: State, other: State) -> bool:
    return matches(one, other) or matches(other, one)
