"""Kernels that die, start again or stand side by side: the world is found as it is, and nothing of it is doubled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from learner import Learner

from homelab import labsocket, stages
from homelab.errors import LabError
from homelab.wait import until

CHECKOUT = Path(__file__).resolve().parents[2]
STAGE = "03_enrollment"
OPEN = "from homelab.world import open_world\nfrom homelab import progress, checkpoints\nworld = open_world('lab')"
PLAN = f"plan = checkpoints.planned(world, {STAGE!r})\nprint(len(plan))"
APPLY = "world.apply(plan)"
NAMES = "import json\nfrom homelab.checks import panel\nprint(json.dumps(list(panel.devices(world.tailnet))))"


@pytest.fixture
def learners(world) -> Iterator[list[Learner]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                contextlib.closing(Learner(stages.notebook(STAGE), HOMELAB_LAB=world.lab["socket"]))
            )
            for _ in range(2)
        ]


def test_a_kernel_killed_in_the_middle_of_an_apply_begins_again_and_two_of_them_double_nothing(
    world, learners
) -> None:
    one, other = learners
    for learner in learners:
        assert learner.run(OPEN)[1] == ""
        shown, error = learner.run(PLAN)
        assert not error
        assert int(shown) > 3

    def kill(text: str) -> None:
        if "applied" in text:
            one.killed()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        one.run(APPLY, kill)
    one.restart()
    assert one.run("plan")[1].startswith("This cell needs 'plan'"), "nothing is left of what a kernel knew"
    one.run(OPEN)
    left = int(one.run(PLAN)[0])
    assert 0 < left < int(shown), "what was done stands"
    assert one.run(APPLY)[1] == ""
    assert one.run(PLAN)[0].strip() == "0"
    done, error = other.run(APPLY)  # the other tab's plan is from before all this
    assert not error
    assert done.count("already") == int(shown), done
    assert "applied" not in done
    names = [name.partition(".")[0] for name in json.loads(other.run(NAMES)[0])]
    assert sorted(names) == sorted(set(names) - {f"{name}-1" for name in names}), (
        "no second device of a machine"
    )
    state = other.run(f"print(progress.step(world, {STAGE!r}, ()).state)")[0]
    assert state.strip() == "done"


@pytest.fixture
def own_lab(tmp_path, monkeypatch) -> Iterator[dict[str, object]]:
    """A kept lab that may be harmed."""
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lab("up")
    yield json.loads(lab("status", "--json"))
    lab("down")


def lab(*words: str) -> str:
    argv = [sys.executable, "-m", "homelab", "lab", *words]
    return subprocess.run(argv, capture_output=True, text=True, cwd=CHECKOUT, check=False).stdout


# What a learner may be at when the lab ends, each kind of cell, and a click on Apply.
OF_EACH_KIND = (
    APPLY,
    PLAN,
    OPEN,
    NAMES,
    "from homelab.checks import node\nfrom homelab.check import prove\nprove(node.running(world['phone']))",
    "from homelab.exercises.exercise import exercise\nexercise(world, '03.1')",
    "from homelab.pictures.terminal import typed\ntyped(world['phone'], 'hostname')",
    "progress.progress(world)",
    "assert 'direct' in found",
)
BUTTONS = (
    "from homelab.panels import apply\nbuttons = apply.Panel(world, plan, apply.as_it_is)\nbuttons.open()"
)
CLICKS = ("buttons.apply.click()", "apply.apply_and_undo(world, plan)")


@pytest.mark.parametrize("end", [pytest.param("down", marks=pytest.mark.nightly), "killed"])
def test_a_lab_that_ends_under_a_notebook_is_said_and_comes_back(own_lab, end) -> None:
    path = str(own_lab["socket"])
    with contextlib.closing(Learner(stages.notebook(STAGE), HOMELAB_LAB=path)) as learner:
        assert learner.run(OPEN)[1] == ""
        for cell in (PLAN, BUTTONS, "found = ''"):
            assert learner.run(cell)[1] == ""
        if end == "down":
            lab("down")
        else:
            os.kill(int(str(own_lab["pid"])), signal.SIGKILL)
            until(lambda: dead(path), bool, "the lab to be gone", 10)
        how = "./runbook lab up --at 03_enrollment, in a terminal. Then here: Kernel"
        for cell in OF_EACH_KIND:
            _, error = learner.run(cell)
            assert error.startswith("The lab is gone"), f"{cell}: {error}"
            assert how in error
        for cell in CLICKS:
            shown, error = learner.run(cell)
            assert not error
            assert "The lab is gone" in shown, f"{cell}: {shown}"
            assert how in shown
        lab("up")
        learner.restart()
        assert learner.run(OPEN)[1] == ""
        assert int(learner.run(PLAN)[0]) > 3


def dead(path: str) -> bool:
    try:
        labsocket.request(path, op="status")
    except LabError:
        return True
    return False
