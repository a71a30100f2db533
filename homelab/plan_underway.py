"""A saved plan and the world that it is to be applied to: does it fit still, what is left of it, and how does it go on?"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime

from homelab import history
from homelab.errors import StalePlan
from homelab.joined_plan import Step
from homelab.plan import Change, State, beside, between, matches
from homelab.saved_plan import AGAIN, Saved
from homelab.three_way import Disagree, together
from homelab.world import World


@dataclass(frozen=True)
class Moved:
    """A thing that is no longer what the plan was made from; `since` says what differs, in words."""

    machine: str
    resource: str
    name: str
    since: str


def look(saved: Saved, world: World) -> tuple[list[Moved], list[Step]]:
    """What of the world has moved away from the plan, and which steps are left to do; read now.

    Moved is what is neither as the plan found it nor as a step of it leads to. What a step has led to already needs
    no more than the rest of its way, so a plan that was interrupted can be applied again.
    """
    plan = saved.plan
    moved, stands = [], []
    for (machine, resource, name), way in plan.ways().items():
        now = world.now(way[0])
        done = history.ahead(way, now)
        found = way[0].before if way[0].found is None else way[0].found
        if done or matches(now, found):
            stands += way[:done]
        elif ours := by_itself(saved, way[0], now, world):
            stands += [step for step in way if any(step.why == entry.change.why for entry in ours)]
        else:
            moved.append(Moved(machine, resource, name, between(way[0], found, now)))
    return moved, [step for step in plan.steps if not any(step.change is done for done in stands)]


def by_itself(saved: Saved, change: Change, now: State, world: World) -> list[history.Entry]:
    """How the plan itself has brought the thing of `change` to where it is `now`; empty where somebody else was there.

    A step may change another thing beside its own (its resource's ``BESIDE``): the page that allows Funnel writes
    into the policy, what exactly is known when it has, and the journal has it.
    """
    since = datetime.fromisoformat(saved.made).timestamp()
    steps = saved.plan.steps
    own = {(s.stage, s.change.why) for s in steps if history.thing(s.change) == history.thing(change)}
    for s in steps:
        own |= {(s.stage, why) for kind, why in beside(s.change.resource) if kind == change.resource}
    found = [
        e
        for e in world.journal.entries()
        if e.at >= since and history.thing(e.change) == history.thing(change)
    ]
    first = next(s.change.before for s in steps if history.thing(s.change) == history.thing(change))
    states = [first, *(state for e in found for state in (e.change.before, e.change.after)), now]
    joins = zip(states[::2], states[1::2], strict=True)
    is_ours = all((e.stage, e.change.why) in own for e in found)
    return found if is_ours and all(matches(one, other) for one, other in joins) else []


def onward(saved: Saved, change: Change, world: World) -> Change:
    """`change` from where the world is now, where other steps of the plan have brought its thing there.

    Raises:
        StalePlan: what they did and what it does cannot both be.
    """
    now = world.now(change)
    if is_on_the_way(now, change):  # an earlier step has done part of it, as Docker does
        return replace(change, before=now)
    if matches(now, change.after) or not by_itself(saved, change, now, world):
        return change
    try:
        return replace(change, before=now, after=together(change.resource, change.before, now, change.after))
    except Disagree as error:
        what = (
            f"an earlier step of the plan has changed its {error.what} too, and not as it was planned to be"
        )
        raise StalePlan(what, change.machine, AGAIN.format(params=saved.params)) from error


def is_on_the_way(now: State, change: Change) -> bool:
    """Whether each field is as `change` found it or as it makes it: what is left of it leads to the same."""
    return type(now) is type(change.before) and all(
        getattr(now, f.name) in (getattr(change.before, f.name), getattr(change.after, f.name))
        for f in fields(now)
        if f.compare
    )
