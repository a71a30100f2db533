"""Two notebooks, two kernels, one lab, and both apply at the same moment: nothing is doubled, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from learner import Learner

from homelab import checkpoints, stages
from homelab.checks import panel

pytestmark = pytest.mark.nightly  # that a click waits is asked in test_apply_panel.py
HERE, THERE = "06_exit_node", "07_subnet_router"  # both want the logins of 03
OPEN = "from homelab.world import open_world\nfrom homelab import checkpoints\nworld = open_world('lab')"
PLAN = "plan = checkpoints.planned(world, {!r})\nprint(len(plan))"


@pytest.fixture
def learners(world) -> Iterator[list[Learner]]:
    with contextlib.ExitStack() as stack:
        made = []
        for stage in (HERE, THERE):
            made.append(Learner(stages.notebook(stage), HOMELAB_LAB=world.lab["socket"]))
            stack.enter_context(contextlib.closing(made[-1]))
            assert made[-1].run(OPEN)[1] == ""
        yield made
        world.apply(world.journal.way_back())


def at_once(*presses: tuple[Learner, str]) -> list[str]:
    """What each of them shows, where all press at the same moment; none gets an error."""
    together = Barrier(len(presses))

    def press(learner: Learner, source: str) -> str:
        together.wait()
        shown, error = learner.run(source)
        assert not error
        return shown

    with ThreadPoolExecutor(len(presses)) as pool:
        return list(pool.map(lambda one: press(*one), presses))


def made_once(world) -> bool:
    """Whether each change is in the journal one time, and each machine in the tailnet."""
    made = [(change.machine, change.resource, change.why) for change in world.journal.way_back()]
    names = list(panel.devices(world.tailnet))
    return len(made) == len(set(made)) and not any(name.endswith("-1") for name in names)


def test_the_same_plan_from_two_kernels_is_made_once_and_the_second_says_for_whom_it_waits(
    world, learners
) -> None:
    counts = {int(learner.run(PLAN.format(HERE))[0]) for learner in learners}
    said = at_once(*((learner, "world.apply(plan)") for learner in learners))
    (first,) = (text for text in said if "✓ applied" in text)
    (second,) = (text for text in said if text is not first)
    assert {first.count("✓ applied"), second.count("= already")} == counts
    assert second.startswith("Another is at work on this lab: run jupyter-")
    assert "This waits until it is done" in second
    assert "Another is at work" not in first
    assert made_once(world)
    assert len(checkpoints.planned(world, HERE)) == 0


def test_two_chapters_that_need_the_same_logins_are_both_made(world, learners) -> None:
    for learner, stage in zip(learners, (HERE, THERE), strict=True):
        assert int(learner.run(PLAN.format(stage))[0]) > 2
    at_once(*((learner, "world.apply(plan)") for learner in learners))
    assert made_once(world)
    assert not checkpoints.planned(world, HERE)
    assert not checkpoints.planned(world, THERE)


def test_one_applies_and_the_other_takes_back_and_either_way_the_world_is_whole(world, learners) -> None:
    one, other = learners
    for learner in learners:
        learner.run(PLAN.format(HERE))
    at_once((one, "world.apply(plan)"), (other, "world.apply(plan.inverse())"))
    plan = checkpoints.planned(world, HERE)
    standing = json.loads(one.run("print(len(world.journal.way_back()))")[0])
    assert len(plan) in (0, 5), [str(change) for change in plan]
    assert standing == 5 - len(plan), "the journal knows of what stands"
