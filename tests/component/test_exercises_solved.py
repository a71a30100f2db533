"""Every exercise in one lab that goes through the stages: solved as its worked answer says, and taken back."""

from __future__ import annotations

import pytest
from exercises import becomes, is_solved, type_in

from homelab import checkpoints, stages
from homelab.errors import PrerequisiteMissing
from homelab.exercises.exercise import find, of
from homelab.progress import DONE
from homelab.stages import sharing

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


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("stage", "first", "then"),
    [
        ("04_services", "04.1", "04.2"),
        ("06_exit_node", "06.1", "06.2"),
        ("07_subnet_router", "07.1", "07.2"),
        ("10_gotchas", "07.1", "10.3"),
    ],
)
def test_an_answer_solves_it_though_the_one_before_was_not_taken_back(world, at, stage, first, then) -> None:
    at(stage)
    before = find(first)
    checkpoints.leave(world, stages.find(first[:2]))  # 10.3's way back leaves router2's offer to this plan
    for typed in before.answer:
        type_in(world, typed)
    becomes(world, first, DONE)
    try:
        is_solved(world, then)
    finally:
        for typed in before.back:
            type_in(world, typed)


@pytest.mark.nightly
def test_bob_as_a_second_person_is_in_nobodys_way(world, at) -> None:
    """03.3 not taken back: what is public is asked from the internet, and 03's sharing says what is in its way."""
    at("05_funnel")
    second = find("03.3")
    for typed in second.answer:
        type_in(world, typed)
    becomes(world, "03.3", DONE)
    try:
        with pytest.raises(PrerequisiteMissing, match="signed in here"):
            sharing.plan(world)
        is_solved(world, "05.1")
        is_solved(world, "05.3")
    finally:
        for typed in second.back:
            type_in(world, typed)
