"""How far one is, by the live world: nothing at first, a stage once its plan was applied, partly when a part is undone by hand."""

from __future__ import annotations

import pytest
from exercises import is_solved

from homelab import checkpoints, stages
from homelab.exercises.exercise import exercise, of
from homelab.progress import NOT_YET, progress

STAGE = "01_wsl_setup"


def test_where_nothing_was_done_no_exercise_is_done_and_each_says_why(world) -> None:
    looks = [exercise(world, f"{s[:2]}.{n}") for s in stages.names() for n in range(1, len(of(s)) + 1)]
    assert {(look.number, look.state) for look in looks if look.state != NOT_YET} == set()
    assert all(look.evidence for look in looks)


def test_a_stage_is_done_partly_or_not_yet_as_the_world_says(world) -> None:
    first = progress(world)
    assert [s.stage for s in first.steps] == stages.names()
    assert {s.state for s in first.steps} == {"not yet"}
    plan = checkpoints.planned(world, STAGE)
    world.apply(plan)
    entries = len(world.journal.entries())
    second = {s.stage: s for s in progress(world).steps}
    assert [name for name, s in second.items() if s.state == "done"] == [STAGE]
    assert len(world.journal.entries()) == entries, "asking changes nothing"
    config = next(c for c in plan if c.resource == "wsl_conf")
    world["tequila"].run(["sudo", "rm", "/etc/wsl.conf"]).ok()
    third = {s.stage: s for s in progress(world).steps}[STAGE]
    assert (third.state, third.said) == ("partly", f"1 change; the first: {config.why}")
    shown = progress(world)._repr_mimebundle_()
    assert f'href="{STAGE}.ipynb"' in shown["text/html"]
    assert "! partly" in shown["text/plain"]


@pytest.mark.parametrize("number", ["00.1", "01.2"])
def test_an_exercise_is_done_when_its_worked_answer_was_typed(world, number) -> None:
    is_solved(world, number)
