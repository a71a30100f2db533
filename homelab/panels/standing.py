"""How far a plan is made in the world, and what was said while it was worked on: the facts beside the buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from homelab import history
from homelab.outcome import Outcome
from homelab.panels.told import Told
from homelab.plan import Change, Plan, between, matches, way_back
from homelab.plan_underway import Moved
from homelab.record import code, typed
from homelab.resources import auth_key

if TYPE_CHECKING:
    from homelab.world import World


@dataclass(frozen=True)
class Next:
    """The change that is being made now: no outcome yet."""

    change: Change

    def __str__(self) -> str:
        return f"… now      on {self.change.machine}: {self.change.why}\n{typed(self.change.command, 11)}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        c = self.change
        line = f"<b>…&nbsp;now</b> &nbsp;<small>on {escape(c.machine)}</small> {escape(c.why)}"
        return {"text/html": f"<div>{line}<br>{code(c.command)}</div>"}


@dataclass
class Progress:
    """The work on a plan: a line for each change as it is made, and the one that is being made."""

    todo: Plan = field(default_factory=lambda: Plan(""))
    heard: list[object] = field(default_factory=list)
    made: int = 0

    def start(self, todo: Plan) -> None:
        """This is what is to be done; its notes come first."""
        self.todo, self.heard = todo, list(todo.notes)

    def hear(self, thing: object) -> None:
        """Something was shown; what shows itself again and again, such as a pull, has one place."""
        if not any(thing is known for known in self.heard):
            self.heard.append(thing)
        self.made += isinstance(thing, Outcome) and thing.status in ("applied", "already")

    def said(self, what: str, status: str = "", then: tuple[object, ...] = ()) -> Told:
        """All of it under `what`, and below it what can be done `then`; without a `status` it goes on."""
        rest = [Next(c) for c in self.todo.changes[self.made : self.made + 1] if not status]
        return Told(what, status, (*self.heard, *rest, *then))


@dataclass(frozen=True)
class Standing:
    """How far `plan` is made: the changes that are and those that are not, in its order, and what has `moved` away from it."""

    plan: Plan
    made: tuple[Change, ...]
    left: tuple[Change, ...]
    moved: tuple[Moved, ...] = ()

    @property
    def forth(self) -> Plan:
        """What Apply does."""
        return Plan(self.plan.stage, self.left, self.plan.notes)

    @property
    def back(self) -> Plan:
        """What Undo does."""
        return way_back(self.plan.stage, self.made)

    @property
    def so(self) -> str:
        """How far it is, in a sentence."""
        if self.moved:
            since = "; ".join(f"{m.resource} on {m.machine}: {m.since}" for m in self.moved)
            return f"The world has moved on since this plan was made: {since}. Make the plan again, and look at it."
        if len(self.plan) == 1:
            return f"The change is {'made' if self.made else 'not made'}."
        if not self.made:
            return f"None of {changes(len(self.plan))} is made."
        number = "All" if not self.left else f"{len(self.made)} of"
        return f"{number} {changes(len(self.plan))} {'is' if len(self.made) == 1 else 'are'} made."

    def said(self, outline: Callable[[Plan], object], before: str = "") -> Told:
        """What is so, after the words `before`, and what each button would do."""
        if self.moved:
            return Told(" ".join((before, self.so)).strip(), "warn")
        heading, *rest = self.does(outline)
        what = " ".join((before, self.so, str(heading))).strip()
        return Told(what, "planned" if self.left else "ok", tuple(rest))

    def does(self, outline: Callable[[Plan], object]) -> tuple[object, ...]:
        """What each button that would do something does, under its name: the rest, and the way back, as an `outline`."""
        if self.moved:
            return ()
        forth = ("Apply does this:", outline(self.forth)) if self.left else ()
        back = ("Undo does this:", outline(self.back)) if self.made else ()
        return (*forth, *back)

    def idle(self, forth: bool) -> str:
        """Why a button did nothing."""
        if self.moved:
            return "Nothing was done."
        return "Nothing is left to apply." if forth else "Nothing is left to take back."


def changes(number: int) -> str:
    """``3 changes``."""
    return f"{number} change{'s' * (number != 1)}"


def refusal(world: World, plan: Plan) -> str:
    """Why nothing of `plan` may be done here, whoever presses; empty where it may."""
    if not world.params.manages(plan.stage):
        return f"Observed, not managed: {plan.stage[3:]} is not under `manage` in {world.params.path}."
    return "apply = False, so this is only looked at." if world.forbidden else ""


def look(world: World, plan: Plan) -> Standing:
    """How far `plan` is made; the world is asked now.

    Raises:
        HomelabError: it cannot be asked.
    """
    ways: dict[history.Thing, list[Change]] = {}
    for change in plan:
        ways.setdefault(history.thing(change), []).append(change)
    made: set[int] = set()
    moved = []
    for way in ways.values():
        first, now = way[0], world.now(way[0])
        done = history.ahead(way, now)
        made |= {id(change) for change in way[:done]}
        found = first.before if first.found is None else first.found
        if not (
            done or matches(now, found) or matches(now, first.before)
        ):  # the latter: it has come half way
            moved.append(Moved(*history.thing(first), between(first, found, now)))
    made |= {id(key) for key, user in used_up(plan) if id(user) in made}
    return Standing(
        plan,
        tuple(c for c in plan if id(c) in made),
        tuple(c for c in plan if id(c) not in made),
        tuple(moved),
    )


def used_up(plan: Plan) -> Iterator[tuple[Change, Change]]:
    """Each change that makes a key for one login, and that login: once it is made the key is gone, and counts as made."""
    keys: list[Change] = []
    for change in plan:
        if isinstance(change.after, auth_key.State) and change.after.usable and not change.after.reusable:
            keys.append(change)
        elif change.resource == "login" and keys:
            yield keys.pop(), change


def lacks_a_key(plan: Plan) -> bool:
    """Whether it makes a key, and nobody knows where it goes: the journal, from which it was read, keeps none."""
    return any(isinstance(c.after, auth_key.State) and c.after.usable and not c.after.file for c in plan)


def of_stage(world: World, stage: str) -> Plan:
    """What `stage` has changed, in whatever session or run, and what still is so: as if it were one plan.

    Raises:
        HomelabError: the world cannot be asked.
    """
    entries = world.journal.entries()
    mine = {id(e.change) for e in entries if e.stage == stage}
    return Plan(
        stage, look(world, Plan(stage, tuple(c for c in history.standing(entries) if id(c) in mine))).made
    )
