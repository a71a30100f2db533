"""How far one is: which stages are done, asked of the world each time and kept nowhere.

A stage is done where its plan finds nothing to change. Whether somebody has begun with one that is not, or has been
at the one that leaves nothing behind, is the journal's word.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from homelab import checkpoints, stages
from homelab.errors import HomelabError, LabGone
from homelab.record import COLOURS, MARKS, MIME, VERSION, masked, table

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.world import World

DONE, PARTLY, NOT_YET = "done", "partly", "not yet"
LOOKS = {DONE: "ok", PARTLY: "warn", NOT_YET: "planned"}  # as the words for checks and changes look


@dataclass(frozen=True)
class Step:
    """One stage: `state` is done, partly or not yet; `said` is what is missing, in words."""

    stage: str
    title: str
    state: str
    said: str


@dataclass(frozen=True)
class Progress:
    """All stages; shows as a table whose chapters are links."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join(
            f"{MARKS[LOOKS[s.state]]} {s.state:<7}  {s.stage[:2]}  {s.title:<44}  {s.said}".rstrip()
            for s in self.steps
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        head = ("", "chapter", "what is missing")
        rows = [
            [
                f'<b style="color:{COLOURS[LOOKS[s.state]]};white-space:nowrap">{MARKS[LOOKS[s.state]]} {s.state}</b>',
                f'<a href="{s.stage}.ipynb">{s.stage[:2]}&nbsp; {escape(s.title)}</a>',
                escape(s.said),
            ]
            for s in self.steps
        ]
        plain = [[s.state, f"{s.stage[:2]} {s.title}", s.said] for s in self.steps]
        return {
            "text/plain": str(self),
            "text/html": table(list(head), rows),
            MIME: masked({"v": VERSION, "kind": "table", "head": list(head), "rows": plain}),
        }


def progress(world: World) -> Progress:
    """How far `world` is, stage by stage; nothing is changed."""
    begun = started(world)
    with ThreadPoolExecutor(6) as pool:
        return Progress(tuple(pool.map(lambda stage: step(world, stage, begun), stages.names())))


def started(world: World) -> frozenset[str]:
    """The stages of which something stands that their notebooks have changed here."""
    return frozenset(entry.stage for entry in world.journal.entries())


def step(world: World, stage: str, begun: Iterable[str]) -> Step:
    """How far `stage` is, by its plan.

    Raises:
        LabGone: the lab has ended.
    """
    if not world.params.manages(stage):
        return Step(stage, stages.title(stage), NOT_YET, f"it is not under `manage` in {world.params.path}")
    try:
        missing = _plan(world, stage)
    except LabGone:
        raise
    except HomelabError as error:
        return Step(stage, stages.title(stage), NOT_YET, error.what.splitlines()[0])
    count = len(missing)
    if not count and stage == checkpoints.FIRST and stage not in begun:
        return Step(stage, stages.title(stage), NOT_YET, "nothing: it pulls a plug, and puts it back")
    if not count and missing.notes and not world.lab and stage not in begun:  # a home may have no part in it
        return Step(stage, stages.title(stage), NOT_YET, missing.notes[0])
    if not count:
        return Step(stage, stages.title(stage), DONE, "")
    said = f"{count} change{'s' * (count > 1)}"
    if stage in begun or stage == checkpoints.FIRST:
        return Step(stage, stages.title(stage), PARTLY, f"{said}; the first: {missing.changes[0].why}")
    return Step(stage, stages.title(stage), NOT_YET, said)


def _plan(world: World, stage: str) -> Plan:
    """What `stage` would change now. Nothing is asked of the lab's hub before, as its notebook would."""
    from homelab.params import for_stage
    from homelab.plan import Plan

    module = stages.module(stage)
    if stage == checkpoints.FIRST:  # it pulls a plug, and puts it back
        links = module.WITNESS if world.lab else ()
        return Plan(stage, tuple(c for link in links for c in module.plan(world, link, cut=False)))
    wish = module.Params.model_validate(for_stage(world.params, stage))
    plan: Plan = module.plan(world, wish)
    return plan
