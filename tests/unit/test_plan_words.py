"""The plan in words: what is needed by whom, what counts once, and what is only observed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from homelab import saved_plan
from homelab.joined_plan import Joined, join
from homelab.outcome import Outcome
from homelab.params import World, read
from homelab.plan import Change
from homelab.resources import client, login, prefs
from homelab.runner import plan_words
from homelab.runner.results import Results, StageResult
from homelab.runner.stages_plan import StagesPlan

INSTALL = Change("tequila", "client", "install Tailscale", client.State(False), client.State(True))
LOGIN = Change("tequila", "login", "log in", login.State("NeedsLogin"), login.wanted("tequila"))
OFFER = Change("tequila", "prefs", "offer", prefs.State(), prefs.State(advertise_exit_node=True))
Stages = dict[str, tuple[list[Change], list[Change]]]  # planned, observed


class _Folder(dict[str, str]):
    """A run's folder that keeps what is written."""

    run = "run-1"

    def __init__(self, path: Any) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        self[name] = text
        (self.path / name).write_text(text)

    def shown(self, name: str) -> str:
        return f"runs/run-1/{name}"


@pytest.fixture
def home(tmp_path: Any) -> World:
    path = tmp_path / "home.yaml"
    path.write_text("world: attic\nmachines: {tequila: {via: local}}\nmanage: [exit_node, audited_ssh]\n")
    return read(str(path))


def saved(home: World, tmp_path: Any, stages: Stages) -> StagesPlan:
    results = Results(
        run="run-1",
        world="attic",
        about="",
        params="home.yaml",
        apply=False,
        stages=[StageResult(name) for name in stages],
    )
    request: Any = SimpleNamespace(applies=False, world=home, common={"params": "home.yaml"})
    made = StagesPlan(request, _Folder(tmp_path))  # type: ignore[arg-type]
    for stage in results.stages:
        planned, observed = stages[stage.name]
        stage.status, stage.managed = "ok", home.manages(stage.name)
        made.stages[stage.name] = [Outcome(c, "planned").record() for c in planned]
        stage.changes = [Outcome(c, "planned").record() for c in planned]
        stage.changes += [Outcome(c, "observed").record() for c in observed]
    made.save(results)
    return made


def test_what_a_claimed_stage_needs_of_another_is_said_everywhere(home: World, tmp_path: Any) -> None:
    made = saved(
        home,
        tmp_path,
        {
            "03_enrollment": ([], [INSTALL, LOGIN]),
            "06_exit_node": ([INSTALL, LOGIN, OFFER], []),
            "08_audited_ssh": ([INSTALL, LOGIN], []),
        },
    )
    said = "needed by 06_exit_node, 08_audited_ssh"
    assert made.joined
    assert made.text().count(said) == 2
    assert made.html().count(said) == 2
    assert (tmp_path / "plan.sh").read_text().count(f"# {said}") == 2
    plan = saved_plan.load(tmp_path / "plan.json").plan
    assert [step.needed_by for step in plan.steps] == [("06_exit_node", "08_audited_ssh")] * 2 + [()]
    assert plan == made.joined
    assert plan.left == (), "what is needed is done, and not left out"


def test_why_the_numbers_differ_is_said(home: World, tmp_path: Any) -> None:
    made = saved(
        home,
        tmp_path,
        {
            "06_exit_node": ([INSTALL, LOGIN, OFFER, OFFER.inverse()], []),
            "08_audited_ssh": ([INSTALL, LOGIN], []),
        },
    )
    said = made.text()
    assert "The stages' lines say 6 changes, the plan has 2: what several of them want counts once, under the first; what a stage takes back at once does not count." in said  # fmt: skip
    assert "08_audited_ssh has no part of its own: what it wants is under 06_exit_node." in said
    alone = saved(home, tmp_path, {"06_exit_node": ([OFFER], [])})
    assert "lines say" not in alone.text()


def test_what_is_only_observed_is_left_out_and_said(home: World, tmp_path: Any) -> None:
    made = saved(home, tmp_path, {"03_enrollment": ([], [INSTALL, LOGIN])})
    assert "The plan: No changes. 2 observed, of stages that you have not claimed (2 of 03_enrollment)." in made.text()  # fmt: skip
    plan = saved_plan.load(tmp_path / "plan.json").plan
    assert [(left.stage, left.why, left.observed) for left in plan.left] == [
        ("03_enrollment", "install Tailscale", True),
        ("03_enrollment", "log in", True),
    ]
    assert len(plan) == 0, "nothing waits"


def test_where_enrollment_is_claimed_a_shared_step_is_its_own() -> None:
    records = [Outcome(INSTALL, "planned").record()]
    (step,) = join([("03_enrollment", records), ("06_exit_node", records)]).steps
    assert (step.stage, step.also, step.needed_by) == ("03_enrollment", ("06_exit_node",), ())
    assert "wanted by 06_exit_node too: it counts once" in plan_words.text(Joined((step,)))
