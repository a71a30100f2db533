"""JupyterLab's sessions have an id as runs have, are listed with them, and can be taken back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from homelab import session
from homelab.errors import PrerequisiteMissing
from homelab.runner.undo import undo
from homelab.world import open_world


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The params file of a home whose state is in a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "labs"))
    for name in ("HOMELAB_RUN", "HOMELAB_LAB"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "attic.yaml"
    path.write_text("world: attic\n")
    return path


def _write(home: Path, text: str, stage: str = "04_services", apply: bool = True) -> Path:
    """What a cell does."""
    from homelab.plan import change, plan
    from homelab.resources import file

    target = home.parent / "page.html"
    world = open_world(str(home), apply)
    now = file.read(world["tequila"], str(target))
    world.apply(
        plan(
            stage, change("tequila", "file", now, file.State(str(target), text), "write it", name=str(target))
        )
    )
    world.close()
    return target


def test_a_session_says_once_how_it_is_taken_back_and_is(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = _write(home, "one\n")
    said = capsys.readouterr().out
    assert f"./runbook undo {session.name()} --apply" in said
    assert re.fullmatch(r"jupyter-\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d+", session.name())

    assert undo(None, None) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert re.match(
        rf"{session.name()} +\d{{4}}-\d\d-\d\d \d\d:\d\d[+-]\d\d:\d\d +attic +1 change +04_services", line
    )

    assert undo(session.LATEST, None) == 2, "a home only shows"
    assert target.read_text() == "one\n"
    assert undo(session.name(), True) == 0
    assert not target.exists()
    capsys.readouterr()
    assert undo(None, None) == 0
    assert "Nothing can be taken back" in capsys.readouterr().out


def test_it_is_said_once_and_not_in_a_run_nor_where_nothing_is_applied(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from homelab.plan import change, plan
    from homelab.resources import file

    world = open_world(str(home), True)
    for name in ("a", "b"):
        path = str(home.parent / name)
        wanted = file.State(path, "x\n")
        world.apply(
            plan("04_services", change("tequila", "file", file.State(path, None), wanted, "write", name=path))
        )
    assert capsys.readouterr().out.count("./runbook undo") == 1
    _write(home, "two\n", apply=False)
    assert "./runbook undo" not in capsys.readouterr().out
    monkeypatch.setenv("HOMELAB_RUN", "2026-11-27_10-00-00")
    _write(home, "two\n")
    assert "./runbook undo" not in capsys.readouterr().out


def test_a_run_whose_folder_is_gone_is_taken_back_by_its_name(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMELAB_RUN", "2026-11-27_10-00-00")
    target = _write(home, "one\n")
    monkeypatch.delenv("HOMELAB_RUN")
    assert undo("2026-11-27_10-00-00", True) == 0
    assert not target.exists()
    capsys.readouterr()


def test_newest_first(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, text in (("run-1", "one\n"), ("run-2", "two\n")):
        monkeypatch.setenv("HOMELAB_RUN", run)
        _write(home, text)
    capsys.readouterr()
    undo(None, None)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[:2]] == ["run-2", "run-1"]


def test_who_is_unknown_is_told_who_is_known(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(home, "one\n")
    with pytest.raises(PrerequisiteMissing) as caught:
        undo("no-such-run", True)
    assert session.name() in caught.value.hint
    capsys.readouterr()


def test_in_a_session_a_change_that_failed_is_tried_again(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run does not try twice; a person who has mended it does."""
    from homelab.errors import ApplyFailed

    blocked = home.parent / "folder"
    blocked.write_text("in the way")
    from homelab.plan import change, plan
    from homelab.resources import file

    path = str(blocked / "page")
    wish = plan(
        "04_services",
        change("tequila", "file", file.State(path, None), file.State(path, "x\n"), "write", name=path),
    )
    world = open_world(str(home), True)
    with pytest.raises(ApplyFailed):
        world.apply(wish)
    blocked.unlink()
    assert world.apply(wish)
    capsys.readouterr()


def test_a_begun_change_stands_until_its_end_is_written(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = _write(home, "one\n")
    path = home.parent / "state/homelab-runbook/homes/attic.jsonl"
    begun, applied = path.read_text().splitlines(keepends=True)
    assert json.loads(begun)["begun"] is True
    path.write_text(begun)
    assert undo(session.name(), True) == 0
    assert not target.exists()
    path.write_text(begun)  # killed before anything was written: there is nothing to take back
    assert undo(session.name(), True) == 0
    assert "already" in capsys.readouterr().out
    assert applied
    assert undo(None, None) == 0
    assert "Nothing can be taken back" in capsys.readouterr().out, "it is not offered for ever"


def test_what_is_back_already_is_offered_until_that_is_written_down(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = _write(home, "one\n")
    target.unlink()  # somebody else has taken it back
    assert undo(session.name(), None) == 0
    assert "with --apply that is written down" in capsys.readouterr().out
    undo(None, None)
    assert session.name() in capsys.readouterr().out, "looking changes nothing"
    assert undo(session.name(), True) == 0
    capsys.readouterr()
    undo(None, None)
    assert "Nothing can be taken back" in capsys.readouterr().out


def test_a_latest_run_that_changed_nothing_names_the_one_that_did(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Apply, look again, then undo latest: the latest is the one that only looked."""
    monkeypatch.setattr("homelab.runner.undo.RUNS", home.parent / "runs")
    monkeypatch.setenv("HOMELAB_RUN", "run-1")
    target = _write(home, "one\n")
    for name in ("run-1", "run-2"):
        folder = home.parent / "runs" / name
        folder.mkdir(parents=True)
        said = {"schema": 1, "run": name, "lab": "none", "params": str(home), "world": "attic"}
        (folder / "results.json").write_text(json.dumps(said))
    (home.parent / "runs/latest").symlink_to("run-2")
    capsys.readouterr()
    assert undo("latest", True) == 0
    said_so = capsys.readouterr().out
    assert "latest is the run run-2, which has changed nothing" in said_so
    assert "./runbook undo run-1 --apply" in said_so
    assert target.exists()
    assert undo("run-1", True) == 0
    assert not target.exists()
    assert undo("run-1", True) == 0
    assert "No other run has either." in capsys.readouterr().out
