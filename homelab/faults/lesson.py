"""A lesson: break something in the lab, have it found by checks, and mend it.

Neither breaking nor mending goes into the journal: after both the world is as its stages left it, and `undo`
has nothing to do with them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from homelab import stages
from homelab.check import Answer
from homelab.errors import ApplyFailed, HomelabError, PrerequisiteMissing
from homelab.faults import ALL, broken
from homelab.faults.broken import Broken
from homelab.faults.fault import Fault
from homelab.outcome import Outcome
from homelab.plan import Change, Plan, between, matches, resource
from homelab.wait import until

if TYPE_CHECKING:
    from homelab.world import World

SOON, SETTLES, PATIENCE = 3.0, 10.0, 20.0  # seconds: a look, a look at what was mended, all looks together
GOOD = ("ok", "skip")
MENDED = "./runbook lab mend, and look for the next one then"


def state(world: World) -> Path:
    """The folder in which a lab keeps what it knows of itself.

    Raises:
        PrerequisiteMissing: this is a home.
    """
    if not world.lab:
        raise PrerequisiteMissing("nothing is broken on purpose but in the lab", world.name)
    return Path(world.lab["state"])


def break_in(world: World, fault: Fault, secret: bool = False) -> Broken:
    """Break it, and see that its check tells.

    Raises:
        PrerequisiteMissing: something is broken already, or this lab has not what the fault needs; nothing was done.
        HomelabError: it could not be broken; what was done is taken back.
    """
    folder = state(world)
    if now := broken.read(folder):
        raise PrerequisiteMissing(f"something is broken already: {now.shown}", "the lab", MENDED)
    if bad := next((a for a in fault.asked(world, SOON) if a.status not in GOOD), None):
        what = f"this takes what {fault.stage} leaves, and the check “{bad.name}” says: {bad.evidence}"
        raise PrerequisiteMissing(what, bad.vantage, reaching(fault.stage))
    plan = fault.breaks(world)
    done = Broken(fault.name, secret, plan)
    broken.write(folder, done)  # before it happens: whatever happens then, `mend` knows
    try:
        for change in plan:
            make(world, change)
        until(
            lambda: fault.tells(world, 0.5),
            lambda answer: answer.status not in GOOD,
            f"{fault.name} to be seen",
            PATIENCE,
        )
    except HomelabError:
        for change in fault.solution(world, plan):
            make(world, change)
        broken.forget(folder)
        raise
    return done


def surprise(world: World) -> Broken:
    """Break one of those that this lab has what it takes for; nobody is told which.

    Raises:
        PrerequisiteMissing: none is.
        HomelabError: it could not be broken.
    """
    if now := broken.read(state(world)):
        raise PrerequisiteMissing(f"something is broken already: {now.shown}", "the lab", MENDED)
    faults = [f for f in ALL.values() if f.stage in applied(world)] or list(ALL.values())
    for fault in random.sample(faults, len(faults)):
        try:
            return break_in(world, fault, secret=True)
        except PrerequisiteMissing:
            continue
    raise PrerequisiteMissing(
        "this lab has nothing that could be broken", "the lab", reaching("03_enrollment")
    )


def reaching(stage: str) -> str:
    """How one gets a lab in which `stage` has been applied."""
    later = [name for name in stages.names() if name > stage]
    fresh = f"./runbook lab up --at {later[0]}, in place of this lab" if later else ""
    return f"./runbook run {stage} brings this lab there" + (f"; or {fresh}" if fresh else "")


def applied(world: World) -> set[str]:
    """The stages that have changed something here."""
    return {entry.stage for entry in world.journal.entries()}


def mend(world: World, found: Broken) -> Iterator[Outcome]:
    """Do what mends it, one change after the other; each outcome as it comes.

    Raises:
        ApplyFailed: a change could not be made.
    """
    from homelab.faults import find

    fault = find(found.name)
    for change in fault.solution(world, found.plan):
        start = time.monotonic()
        make(world, change)
        yield Outcome(change, "applied", time.monotonic() - start)


def proof(world: World, fault: Fault) -> list[Answer]:
    """What its checks say once the world has settled: a way that was broken takes a moment to be found again."""
    end = time.monotonic() + PATIENCE
    while True:
        answers = fault.ask(world, SETTLES)
        if all(a.status in GOOD for a in answers) or time.monotonic() > end:
            return answers


def checkup(world: World) -> list[Answer]:
    """The checks of all faults whose stages were applied here, each once; asked at the same time."""
    now, stages_here = broken.read(state(world)), applied(world)
    if now:  # its machines may have come to where they are by other ways, such as `lab up --enrolled`
        stages_here |= {ALL[now.name].stage}
    faults = [f for f in ALL.values() if f.stage in stages_here]
    with ThreadPoolExecutor(4) as pool:
        found = [a for answers in pool.map(lambda f: f.ask(world, SOON), faults) for a in answers]
    return _once(found)


def _once(answers: Sequence[Answer]) -> list[Answer]:
    seen: dict[tuple[str, str], Answer] = {}
    for answer in answers:
        seen.setdefault((answer.name, answer.vantage), answer)
    return list(seen.values())


def make(world: World, change: Change) -> None:
    """Make one change, and see that it came about.

    Raises:
        ApplyFailed: it did not.
    """
    module, place = resource(change.resource), world.place(change.machine)
    try:
        module.do(place, module.read(place, change.name), change.after)
        reached = module.read(place, change.name)
    except HomelabError as error:
        raise ApplyFailed(f"{change.why}: {error.what}", error.where, error.hint) from error
    if not matches(reached, change.after):
        what = f"wanted and reached differ: {between(change, change.after, reached)}"
        raise ApplyFailed(f"{change.why}: {what}", change.machine)


def shown(plan: Plan) -> str:
    """The solution for a reader: each change, its command, and why."""
    return plan.text() if plan else "Nothing is left to mend: somebody has done it already."
