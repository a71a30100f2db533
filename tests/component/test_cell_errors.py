"""What a learner reads in JupyterLab where a cell cannot run: a sentence that says what to do, by a real kernel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from learner import Learner, cells

from homelab import stages

STAGE = "00_welcome"
PLAN = "plan = welcome.plan(world, break_link)"


@pytest.fixture(scope="module")
def learner() -> Iterator[Learner]:
    with contextlib.closing(Learner(stages.notebook(STAGE), HOMELAB_LAB="")) as one:
        yield one


def the(words: str) -> dict[str, str]:
    return next(c for c in cells(STAGE) if words in c["source"])


def test_a_cell_out_of_order_names_those_that_it_needs(learner) -> None:
    cell = the("world.apply(plan);")
    _, error = learner.run(cell["source"], cell=cell["id"])
    assert "Traceback" not in error
    first, *listed = error.splitlines()
    assert first.startswith(
        "This cell needs 'world', which code cell 2 makes. Run these first, in this order"
    )
    assert listed[0].startswith("  code cell 1, under “Parameters”: params = ")
    assert listed[1].startswith("  code cell 2, under “Where we are”: from homelab.check import prove")
    assert "under “What would change”" in error
    assert "Run → Run All Above Selected Cell" in error
    assert len(error.splitlines()) < 8


def test_a_name_that_is_nowhere_is_near_to_one_that_is(learner) -> None:
    assert learner.run("wrld")[1] == "No cell of this notebook makes 'wrld'.\nHint: did you mean 'world'?"
    assert learner.run("world")[1].startswith("This cell needs 'world', which code cell 2 makes."), (
        "a new cell"
    )


def test_an_error_of_ours_is_its_words_and_its_hint(learner) -> None:
    raised = (
        "from homelab.errors import LabError\nraise LabError('it is dark', 'cellar', 'switch on the light')"
    )
    assert learner.run(raised)[1] == "cellar: it is dark\nHint: switch on the light"
    _, error = learner.run("from homelab.params import read\nread('nowhere.yaml')")
    assert "Traceback" not in error
    assert "nowhere.yaml" in error
    assert "LabError" in learner.run("%tb")[0] or "ParamsError" in learner.run("%tb")[1], (
        "it is there for who asks"
    )


def test_a_mistake_that_is_not_ours_to_explain_is_shown_as_ever(learner) -> None:
    assert "ZeroDivisionError" in learner.run("1 / 0")[1]
    broken = "import types\nmodule = types.ModuleType('m')\nexec('def f():\\n    return lost', module.__dict__)\nmodule.f()"
    assert "NameError" in learner.run(broken)[1]


def test_a_stopped_cell_says_that_one_may_go_on(learner) -> None:
    def stop(text: str) -> None:
        learner.interrupt()

    _, error = learner.run("print('now', flush=True)\nimport threading\nthreading.Event().wait(60)", stop)
    assert error.startswith("Stopped. What was done before stands")


def test_a_lab_that_is_gone_says_how_to_get_one(learner, tmp_path) -> None:
    ask = "from homelab import labsocket\nlabsocket.request(os.environ['HOMELAB_LAB'], op='status')"
    learner.run(f"import os\nos.environ['HOMELAB_LAB'] = '{tmp_path}/lab.sock'")
    _, error = learner.run(ask)
    assert error.startswith("The lab is gone")
    assert "./runbook lab up, in a terminal. Then here: Kernel → Restart Kernel and Run All Cells." in error
    learner.run("os.environ['JPY_SESSION_NAME'] = '/x/05_funnel.ipynb'")
    assert "./runbook lab up --at 05_funnel" in learner.run(ask)[1]
