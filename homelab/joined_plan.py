"""The plans of several stages as one: what is to be done in this world, each change once.

Every stage has planned for itself, from the world as it is now, as if it were alone. So the same need is planned by
several of them (it counts once), a lesson is planned there and back (it counts for nothing), and two stages may want
different things of one and the same: then the second is planned from what the first leads to. Where that cannot be
told, the later stage's change is left for the next run, and so is all that this stage wanted to do after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from homelab.errors import HomelabError
from homelab.history import Thing, thing
from homelab.plan import Change, State, matches
from homelab.record import masked
from homelab.secret import MASK
from homelab.three_way import Disagree, together

OF = {
    "client": "03_enrollment",
    "login": "03_enrollment",
}  # resources that are the work of one stage, and needed by others


@dataclass(frozen=True)
class Step:
    """A change, the stage that wants it first, and those that want it `also`: it counts once.

    `of` is the stage whose work it is, where that is not claimed and `stage` needs it all the same.
    """

    stage: str
    change: Change
    also: tuple[str, ...] = ()
    of: str = ""

    @property
    def needed_by(self) -> tuple[str, ...]:
        """The stages that need it of one that is not claimed; none where it is their own work."""
        return (self.stage, *self.also) if self.of else ()

    @property
    def said(self) -> str:
        """Who wants it besides its stage, or needs it, in words; mostly nothing."""
        if self.of:
            return f"needed by {', '.join(self.needed_by)}; the rest of {self.of} is not claimed, and not touched"
        return f"wanted by {', '.join(self.also)} too: it counts once" if self.also else ""


@dataclass(frozen=True)
class Left:
    """What a stage wanted and this plan does not do: on which `machine`, `why` it was wanted, and the `reason`.

    What is `observed` is not ours to do, and no later run does it either: its stage is not claimed.
    """

    stage: str
    machine: str
    why: str
    reason: str
    observed: bool = False


@dataclass(frozen=True)
class Joined:
    """The steps in order, what was left out, why it is not whole (`notes`), and why it `counts` less than its stages say."""

    steps: tuple[Step, ...] = ()
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many changes wait: those left out wait too, those that are only observed do not."""
        return len(self.steps) + len(self.waiting)

    @property
    def waiting(self) -> tuple[Left, ...]:
        """What is left for the next run."""
        return tuple(left for left in self.left if not left.observed)

    @property
    def observed(self) -> tuple[Left, ...]:
        """What belongs to stages that are not claimed."""
        return tuple(left for left in self.left if left.observed)

    def ways(self) -> dict[Thing, list[Change]]:
        """The changes of each thing, in order."""
        found: dict[Thing, list[Change]] = {}
        for step in self.steps:
            found.setdefault(thing(step.change), []).append(step.change)
        return found


Record = Mapping[str, Any]
Planned = Iterable[tuple[str, Iterable[Record]]]


def join(planned: Planned, unclaimed: Collection[str] = ()) -> Joined:
    """One plan out of what stages have planned: their names, and for each the records of its planned changes, in order.

    What they need of an `unclaimed` stage is told apart.
    """
    made = _Made(unclaimed)
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
    def __init__(self, unclaimed: Collection[str]) -> None:
        self.unclaimed = unclaimed
        self.steps: list[Step] = []
        self.left: list[Left] = []
        self._ways: dict[Thing, list[Change]] = {}

    def add(self, stage: str, changes: Iterable[Change | Left]) -> None:
        """What `stage` wants, as far as it goes together with what the others want."""
        stopped, own = "", dict[Thing, State]()  # what each thing would be by this stage alone
        for change in changes:
            if isinstance(change, Left):
                self._leave(replace(change, stage=stage, reason=change.reason))
                stopped = stopped or change.why
            elif not self._is_planned(stage, change):
                reason = f"waits for “{stopped}”" if stopped else self._go(stage, change, own)
                if reason:
                    self._leave(Left(stage, change.machine, change.why, reason))
                    stopped = stopped or change.why
            if isinstance(change, Change):
                own[thing(change)] = change.after

    def _leave(self, left: Left) -> None:
        if not any((left.machine, left.why) == (known.machine, known.why) for known in self.left):
            self.left.append(left)

    def _is_planned(self, stage: str, change: Change) -> bool:
        for known in self._ways.get(thing(change), ()):
            if matches(known.before, change.before) and _same(known.after, change.after):
                at = next(n for n, step in enumerate(self.steps) if step.change is known)
                step = self.steps[at]
                if stage not in (step.stage, *step.also):
                    self.steps[at] = replace(step, also=(*step.also, stage))
                return True
        return False

    def _go(self, stage: str, change: Change, own: Mapping[Thing, State]) -> str:
        """Add `change`, on top of what is planned; or why that cannot be."""
        way = self._ways.setdefault(thing(change), [])
        if not way or _same(way[-1].after, change.before):
            self._append(stage, change)
            return ""
        first, now = way[0].before, way[-1].after
        earlier = next(s.stage for s in self.steps if s.change is way[-1])
        if not matches(first, change.before):
            first = own.get(thing(change))  # a stage that goes on from where it would be itself
            if first is None or not _same(first, change.before):
                return f"planned again when {earlier} is applied"
        try:
            both: State = together(change.resource, first, now, change.after)
        except Disagree as error:
            return f"{earlier} changes its {error.what} too: planned again when that is applied"
        if not _same(both, now):
            self._append(stage, replace(change, before=now, after=both))
        return ""

    def _append(self, stage: str, change: Change) -> None:
        owner = OF.get(change.resource, "")
        self.steps.append(Step(stage, change, of=owner if owner in self.unclaimed else ""))
        self._ways[thing(change)].append(change)


def _same(one: State, other: State) -> bool:
    return matches(one, other) or matches(other, one)
