"""Which runs go: only old ones that got through, and that nobody can take back any more; whatever the clock did."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from homelab import home_lock, params
from homelab.journal import Journal
from homelab.plan import Change
from homelab.resources import file
from homelab.runner import prune
from homelab.runner.cli import main
from homelab.runner.watch import Watcher
from homelab.watch.keep import reasons, remove
from homelab.watch.past import runs
from homelab.watch.settings import Keep

NOW = datetime.fromisoformat("2026-11-27T03:30:00+01:00").timestamp()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    made = tmp_path / "runs"
    made.mkdir()
    return made


def put(shelf: Path, name: str, started: str, status: str = "ok", world: str = "home", applied: bool = False, **more: object) -> Path:  # fmt: skip
    made = shelf / name
    made.mkdir()
    change = {"outcome": "applied" if applied else "already"}
    results = {"schema": 1, "run": name, "world": world, "status": status, "started": started, "pid": 0,
               "lab": "none", "stages": [{"name": "05_funnel", "changes": [change]}]}  # fmt: skip
    (made / "results.json").write_text(json.dumps(results | more))
    return made


def nights(shelf: Path, count: int, **more: object) -> None:
    """So many nights before now, one run each."""
    for n in range(count):
        at = datetime.fromtimestamp(NOW - (count - n) * 86400).astimezone()
        put(shelf, f"{at:%Y-%m-%d_%H-%M-%S}", at.isoformat(), **more)  # type: ignore[arg-type]


def going(shelf: Path, keep: Keep, latest: str = "", undoable: tuple[str, ...] = ()) -> list[str]:
    found = reasons(runs(shelf, "home"), keep, NOW, latest, lambda p: p.run in undoable)
    return [past.path.name for past, why in found if not why]


def test_a_run_goes_when_it_is_neither_young_nor_among_the_last(shelf: Path) -> None:
    nights(shelf, 10)
    assert len(going(shelf, Keep(last=3, days=0))) == 7
    assert len(going(shelf, Keep(last=3, days=5.5))) == 5
    assert len(going(shelf, Keep(last=9, days=5.5))) == 1
    assert going(shelf, Keep(last=30, days=90)) == []


def test_what_failed_can_be_taken_back_or_is_the_latest_never_goes(shelf: Path) -> None:
    put(shelf, "failed", "2025-01-01T03:30:00+0100", "failed")
    put(shelf, "killed", "2025-01-02T03:30:00+0100", "running", pid=2**22 + 1)
    put(shelf, "stopped", "2025-01-03T03:30:00+0100", "interrupted")
    put(shelf, "changed", "2025-01-04T03:30:00+0100", applied=True)
    put(shelf, "pointed-at", "2025-01-05T03:30:00+0100")
    put(shelf, "runs", "2025-01-06T03:30:00+0100", "running", pid=os.getpid())
    put(shelf, "fine", "2025-01-07T03:30:00+0100", "drift")
    nights(shelf, 1)
    assert going(shelf, Keep(last=1, days=0), "pointed-at", ("changed",)) == ["fine"]
    assert going(shelf, Keep(last=1, days=0), "", ()) == ["changed", "pointed-at", "fine"]


def test_of_those_that_failed_every_night_the_newest_stay(shelf: Path) -> None:
    nights(shelf, 25, status="failed")
    gone = going(shelf, Keep(last=1, days=0))
    assert gone == sorted(gone)[:15]
    assert len(gone) == 15
    assert going(shelf, Keep(last=1, days=0), undoable=tuple(gone)) == [], "what can be taken back stays"


def test_another_params_file_of_the_same_world_keeps_its_runs(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "home.yaml").write_text("world: home\n")
    world = params.read(tmp_path / "home.yaml")
    for n, name in enumerate(("home.yaml", "other.yaml") * 3):
        put(shelf, f"run-{n}", f"2025-01-0{n + 1}T03:30:00+0100", params=str(tmp_path / name))
    sorted_out = prune.sort(world, Keep(last=1, days=0), shelf)
    assert [(past.path.name, not why) for past, why in sorted_out] == [
        ("run-0", True),
        ("run-2", True),
        ("run-4", False),
    ]


def test_a_watch_says_which_runs_went(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("homelab.runner.folder.RUNS", shelf)
    (tmp_path / "home.yaml").write_text("world: home\nkeep: {last: 1, days: 0}\n")
    put(shelf, "old", "2025-01-01T03:30:00+0100")
    put(shelf, "new", "2025-01-02T03:30:00+0100")
    Watcher(params.read(tmp_path / "home.yaml"), lambda seconds: None)._among_others()
    assert capsys.readouterr().out.rstrip().endswith("says: old")
    assert not (shelf / "old").exists()


def test_only_what_is_ours_and_of_this_home_is_looked_at(shelf: Path) -> None:
    nights(shelf, 1)
    put(shelf, "of-the-lab", "2025-01-01T03:30:00+0100", world="lab")
    put(shelf, "another-version", "2025-01-01T03:30:00+0100", schema=2)
    put(shelf, "no-time", "yesterday")
    (shelf / "photos").mkdir()
    (shelf / "half").mkdir()
    (shelf / "half/results.json").write_text("{")
    (shelf / "weekly-home.html").touch()
    (shelf / "latest").symlink_to(next(p.name for p in shelf.iterdir() if p.name.startswith("2026")))
    assert len(runs(shelf, "home")) == 1


def test_an_hour_that_comes_twice_is_in_order(shelf: Path) -> None:
    put(shelf, "2026-10-25_02-45-00", "2026-10-25T02:45:00+0200")  # summer time, and the earlier one
    put(shelf, "2026-10-25_02-15-00", "2026-10-25T02:15:00+0100")
    assert [p.at.isoformat() for p in runs(shelf, "home")] == [
        "2026-10-25T02:45:00+02:00",
        "2026-10-25T02:15:00+01:00",
    ]


def test_runs_from_the_future_push_nothing_out_and_stay_until_they_are_old(shelf: Path) -> None:
    nights(shelf, 3)
    for n in range(5):
        put(shelf, f"2031-01-0{n + 1}_03-30-00", f"2031-01-0{n + 1}T03:30:00+0100")
    left = going(shelf, Keep(last=2, days=0))
    assert left == [runs(shelf, "home")[0].path.name]  # the oldest of the three real ones


def test_a_removal_that_was_cut_off_is_finished(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = put(shelf, "old", "2025-01-01T03:30:00+0100")
    remove(made)
    assert list(shelf.iterdir()) == []
    (shelf / ".going-x").mkdir()
    other = put(shelf, "older", "2025-01-01T03:30:00+0100")
    prune.remove([runs(shelf, "home")[0]])
    assert not other.exists()
    assert list(shelf.iterdir()) == []


def test_the_command_shows_first_and_looks_into_the_journal(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("homelab.runner.folder.RUNS", shelf)
    file_of_it = tmp_path / "home.yaml"
    file_of_it.write_text("world: home\nkeep: {last: 1, days: 0}\n")
    put(shelf, "changed", "2025-01-01T03:30:00+0100", applied=True)
    put(shelf, "taken-back", "2025-01-02T03:30:00+0100", applied=True)
    put(shelf, "plain", "2025-01-03T03:30:00+0100")
    put(shelf, "newest", "2025-01-04T03:30:00+0100")
    journal = Journal(home_lock.state_folder() / "home.jsonl")
    for run in ("changed", "taken-back"):
        states = [file.State(f"/srv/{run}", text) for text in (None, "x\n")]
        done = Change("tequila", "file", "write it", *states, name=f"/srv/{run}")
        journal.append(run, done, "04_services")
    journal.append("taken-back", done.inverse(), "undo")

    words = ["prune", "--params", str(file_of_it)]
    assert main(words) == 2
    said = capsys.readouterr().out
    assert "stays changed: what it changed can still be taken back" in said
    assert "2 of 4 runs would go" in said
    assert len(list(shelf.iterdir())) == 4
    assert main([*words, "--days", "36000"]) == 0
    assert main([*words, "--apply"]) == 0
    assert sorted(p.name for p in shelf.iterdir()) == ["changed", "newest"]
    assert main(words) == 0
    assert main([*words, "--last", "0"]) == 3
