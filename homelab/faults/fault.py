"""A fault: something of the talk's gotchas, injected on purpose, found by the runbook's own checks, and mended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homelab.check import Answer
from homelab.errors import HomelabError
from homelab.plan import Change, Plan, change, resource
from homelab.plan import plan as planned

if TYPE_CHECKING:
    from homelab.world import World

BREAK, MEND = "break", "mend"  # the stages of their plans
Looks = Sequence[Callable[[], Answer]]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    `symptom` is what somebody in the house says; `stage` must have been applied. `looks(world, seconds)` are
    the checks: the first points at the fault, the others tell it from its like; each waits up to `seconds`.
    `breaks` plans it, or does what no plan can and returns an empty one. `remedies` say why each change goes
    back, last change first; where going back is not the remedy, `mends` plans it from the world as it is and
    the plan by which it was broken.
    """

    name: str
    symptom: str
    stage: str
    looks: Callable[[World, float], Looks]
    breaks: Callable[[World], Plan]
    hints: tuple[str, str]
    remedies: tuple[str, ...] = ()
    mends: Callable[[World, Plan], Plan] | None = None

    def solution(self, world: World, broken: Plan) -> Plan:
        """What mends it, from the world as it is now; nothing where somebody has done it already.

        Raises:
            HomelabError: the world cannot be asked.
        """
        if self.mends:
            return self.mends(world, broken)
        found: list[Change] = []
        for done, why in zip(reversed(broken.changes), self.remedies, strict=True):
            now = resource(done.resource).read(world.place(done.machine), done.name)
            found += change(done.machine, done.resource, now, done.before, why, name=done.name)
        return planned(MEND, found)

    def tells(self, world: World, seconds: float) -> Answer:
        """What the check says that points at it."""
        return next(self.asked(world, seconds))

    def ask(self, world: World, seconds: float) -> list[Answer]:
        """What its checks say."""
        return list(self.asked(world, seconds))

    def asked(self, world: World, seconds: float) -> Iterator[Answer]:
        """One check after the other; where they cannot be asked, that is a failed answer."""
        try:
            for look in self.looks(world, seconds):
                yield look()
        except HomelabError as error:
            yield Answer("can be asked", error.where or "the lab", "fail", error.what, error.hint)


def turned(world: World, machine: str, name: str, why: str, thing: str = "", **fields: object) -> Plan:
    """The change of one resource by which some of its fields get other values."""
    now = resource(name).read(world.place(machine), thing)
    return planned(BREAK, change(machine, name, now, dataclasses.replace(now, **fields), why, name=thing))
