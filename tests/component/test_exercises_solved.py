"""Every exercise in one lab that goes through the stages: solved as its worked answer says, and taken back."""

from __future__ import annotations

import pytest
from exercises import is_solved

from homelab import checkpoints, stages
from homelab.exercises.exercise import of

NUMBERS = [(stage, f"{stage[:2]}.{n}") for stage in stages.names() for n in range(1, len(of(stage)) + 1)]


@pytest.fixture(scope="module")
def at(world, tmp_path_factory):
    """Brings the lab to a stage, through those before it; what is measured is kept in a run's folder of its own."""
    left: set[str] = set()
    patch = pytest.MonkeyPatch()
    patch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path_factory.mktemp("run")))

    def bring(stage: str) -> None:
        for name in [*checkpoints.before(stage), *([stage] if stage != checkpoints.FIRST else [])]:
            if name not in left:
                checkpoints.leave(world, name)
                left.add(name)

    yield bring
    patch.undo()


@pytest.mark.nightly
@pytest.mark.parametrize(("stage", "number"), NUMBERS, ids=[n for _, n in NUMBERS])
def test_a_worked_answer_solves_it_and_its_way_back_unsolves_it(world, at, stage, number) -> None:
    at(stage)
    is_solved(world, number)
