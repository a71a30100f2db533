"""What the reader has not claimed is looked at, and never changed: no drift, no failure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from homelab import params, plan
from homelab.errors import ParamsError
from homelab.journal import Journal
from homelab.machine import Pending
from homelab.plan import Change, Plan
from homelab.runner import records
from homelab.runner.report import page
from homelab.runner.request import understand
from homelab.runner.results import Results, StageResult
from homelab.runner.words import sentence
from homelab.world import World


def home(tmp_path: Path, text: str) -> params.World:
    file = tmp_path / "home.yaml"
    file.write_text(f"world: home\n{text}")
    return params.read(file)


@pytest.mark.parametrize(
    ("text", "enrollment", "services"),
    [
        ("", True, True),  # a file written by hand, as before
        ("manage:\n", False, False),  # as ./runbook init leaves it: every name is still a comment
        ("manage: []\n", False, False),
        ("manage: [enrollment]\n", True, False),
        ("manage: ['03', 04_services]\n", True, True),
    ],
)
def test_which_stages_are_claimed(tmp_path: Path, text: str, enrollment: bool, services: bool) -> None:
    world = home(tmp_path, text)
    assert world.manages("03_enrollment") is enrollment
    assert world.manages("04_services") is services
    assert world.manages("undo")  # what has been done can always be taken back


def test_a_stage_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        home(tmp_path, "manage:\n- enrollment\n- jelyfin\n")
    assert len(caught.value.problems) == 1
    assert "home.yaml:4" in str(caught.value)
    assert "jellyfin" in str(caught.value)


def test_telling_a_run_to_apply_does_not_reach_what_is_not_claimed(tmp_path: Path) -> None:
    home(tmp_path, "apply: true\nmanage: [enrollment]\n")
    request = understand(["03", "04"], str(tmp_path / "home.yaml"), apply=True)
    assert request.parameters("03_enrollment")["apply"] is True
    assert request.parameters("04_services")["apply"] is False


@dataclass(frozen=True)
class Door:
    open: bool


def test_the_world_shows_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[Any] = []
    module = SimpleNamespace(
        State=Door,
        read=lambda *_: Door(bool(done)),
        command=lambda *_: ["open"],
        do=lambda *a: done.append(a),
    )
    for where in (plan, __import__("homelab.world", fromlist=["resource"])):
        monkeypatch.setattr(where, "resource", lambda name: module)
    change = Change("tequila", "door", "open it", Door(False), Door(True))
    machine: Any = SimpleNamespace(name="tequila")
    made: Any = {"tequila": machine}
    world = World(
        home(tmp_path, "manage: [enrollment]\n"), made, Journal(tmp_path / "j"), SimpleNamespace(), Pending(),
        applies=True, tailnet=None,
    )  # type: ignore[arg-type]  # fmt: skip
    assert world.apply(Plan("04_services", (change,))) is False
    assert not done
    assert world.pending.count == 1  # checks of what is not there wait, and do not fail
    said = capsys.readouterr().out
    assert "◦ observed on tequila: open it" in said
    assert "services is not under `manage`" in said
    world.pending.count = 0
    assert world.apply(Plan("03_enrollment", (change,))) is True
    assert done


def test_an_observed_stage_is_neither_drift_nor_failure() -> None:
    stages = [
        StageResult("03_enrollment", "ok"),
        StageResult(
            "04_services", "observed", managed=False,
            changes=[{"machine": "tequila", "resource": "x", "why": "put it there", "command": "cp", "outcome": "observed", "loses": None}],
        ),
    ]  # fmt: skip
    results = Results("r", "home", "home.yaml", None, stages)
    assert results.finish() == 0
    assert sentence(results) == "1 stage stands; 1 stage was looked at, not managed."
    html = page(results, {})
    assert "Observed, not managed" in html
    assert "Would change" not in html


@pytest.mark.parametrize(
    ("broke", "words"),
    [
        (1, "1 stage could not be looked at to its end, and is not managed."),
        (2, "2 stages could not be looked at to their end, and are not managed."),
    ],
)
def test_an_observed_stage_that_broke_off_is_no_failure_and_said(broke: int, words: str) -> None:
    error = {"type": "NoAnswer", "what": "the admin API cannot be reached", "hint": None, "cell": 5}
    cut = [StageResult(f"0{n}_x", "observed", managed=False, error=error) for n in range(broke)]
    results = Results("r", "home", "home.yaml", None, cut)
    assert results.finish() == 0
    assert sentence(results) == words
    assert "◦ observed, not to its end" in page(results, {})
    results.stages.append(StageResult("07_y", "observed", managed=False))
    assert sentence(results).startswith("1 stage was looked at, and is not managed; ")


def test_a_plan_says_that_it_is_not_whole(tmp_path: Path) -> None:
    from homelab.runner.folder import make
    from homelab.runner.stages_plan import StagesPlan

    home(tmp_path, "manage: [enrollment]\n")
    request = understand(["03", "04"], str(tmp_path / "home.yaml"))
    plan_of_all = StagesPlan(request, make(str(tmp_path / "run")))
    error = {"type": "NoAnswer", "what": "the admin API cannot be reached", "hint": None, "cell": 5}
    stages = [
        StageResult("03_enrollment", "failed", error=error),
        StageResult("04_services", "observed", managed=False, error=error),
    ]
    plan_of_all.save(Results("r", "home", "home.yaml", None, stages))
    said = plan_of_all.text().split("\n")
    assert said[1] == "The plan is not whole:"
    assert "03_enrollment did not get through" in said[2]
    assert "04_services could not be looked at to its end" in said[3]
    assert said[4] == "So far: No changes."


def test_a_watch_of_what_is_not_managed_is_refused_before_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from homelab.errors import PrerequisiteMissing
    from homelab.runner import watch

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(watch, "run", lambda *_, **__: pytest.fail("it ran"))
    for manage, words in (("[]", []), ("[]", ["03"]), ("[services]", ["03"])):
        home(tmp_path, f"manage: {manage}\n")
        with pytest.raises(PrerequisiteMissing, match="managed, so"):
            watch.watch(words, str(tmp_path / "home.yaml"))


def test_the_plan_of_a_stage_that_broke_off_is_an_observation_too() -> None:
    change = {
        "machine": "m",
        "resource": "r",
        "why": "w",
        "command": "c",
        "outcome": "planned",
        "loses": None,
    }
    record = {"v": 1, "kind": "plan", "stage": "04_services", "changes": [change]}
    cell = {
        "cell_type": "code",
        "source": "plan",
        "metadata": {},
        "outputs": [
            {"output_type": "display_data", "data": {records.MIME: record}},
            {"output_type": "error", "ename": "CheckFailed", "evalue": "before it was applied"},
        ],
    }
    assert [c["outcome"] for c in records.changes({"cells": [cell]}, managed=False)] == ["observed"]
    assert [c["outcome"] for c in records.changes({"cells": [cell]})] == ["planned"]
