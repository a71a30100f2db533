"""Two at once on one home: who changes it is alone; a dead process holds nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from homelab import home_lock
from homelab.errors import EXIT_NOT_STARTED, exit_status
from homelab.home_lock import HomeBusy, HomeLock

HOLD = """
import sys
from pathlib import Path
from homelab.home_lock import HomeLock
with HomeLock(Path(sys.argv[1])).held(sys.argv[2] == "changes", "2026-11-27_03-30-00"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "homes" / "home.lock"


def other(place: Path, how: str) -> subprocess.Popen[str]:
    """Another process that holds the home until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("", timeout=20)


@pytest.mark.parametrize(
    ("theirs", "mine", "together"),
    [("looks", False, True), ("looks", True, False), ("changes", False, False), ("changes", True, False)],
)
def test_lookers_share_and_a_changer_is_alone(place: Path, theirs: str, mine: bool, together: bool) -> None:
    process = other(place, theirs)
    try:
        if together:
            with HomeLock(place).held(mine):
                assert len(HomeLock(place).holders()) == 2
        else:
            with pytest.raises(HomeBusy) as refused, HomeLock(place).held(mine):
                pass
            assert exit_status(refused.value) == EXIT_NOT_STARTED
            said = str(refused.value)
            assert f"process {process.pid} on" in said
            assert "run 2026-11-27_03-30-00 of" in said
            assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", said)
            assert f"kill {process.pid}" in said
    finally:
        end(process)
    with HomeLock(place).held(True):
        pass


def test_what_a_killed_process_held_is_free_and_its_note_goes(place: Path) -> None:
    process = other(place, "changes")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert len(list(place.parent.glob("home.lock.*"))) == 1  # its note stayed
    with HomeLock(place).held(True, "mine"):
        assert len(list(place.parent.glob("home.lock.*"))) == 1  # mine
        assert [h.run for h in HomeLock(place).holders()] == ["mine"]
    assert [p.name for p in place.parent.iterdir()] == ["home.lock"]


def test_a_child_does_not_keep_the_lock_of_a_parent_that_is_gone(place: Path) -> None:
    with HomeLock(place).held(True):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True)
    try:
        with HomeLock(place).held(True):
            pass
    finally:
        child.communicate("\n", timeout=20)


def test_who_waits_is_told_for_whom_and_begins_when_they_are_done(place: Path) -> None:
    process = other(place, "changes")
    told: list[str] = []

    def wait(who: str) -> None:
        told.append(who)
        end(process)

    with HomeLock(place).held(True, "mine", wait):
        assert [h.run for h in HomeLock(place).holders()] == ["mine"]
    assert f"process {process.pid} on" in told[0]
    with HomeLock(place).held(True, "mine", wait):
        assert len(told) == 1, "nobody is there, so nothing is said"


def test_a_run_holds_the_home_for_its_kernels(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    lock = HomeLock(place)
    with lock.held(True, "run"):
        with pytest.raises(HomeBusy), home_lock.to_change(lock, "jupyter"):
            pass
        monkeypatch.setenv(*next(iter(home_lock.environment(lock, True).items())))
        with home_lock.to_change(lock, "run"):
            pass
    monkeypatch.setenv(*next(iter(home_lock.environment(lock, False).items())))
    assert not home_lock.by_run(lock)  # a run that only looks lends nobody the right to change


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(home_lock.PrerequisiteMissing), HomeLock(tmp_path / "x" / "home.lock").held(True):
        pass


def test_a_note_of_another_version_stops_nobody(place: Path) -> None:
    process = other(place, "changes")
    try:
        note = next(iter(place.parent.glob("home.lock.*")))
        note.write_text(json.dumps({"strange": 1}))
        with pytest.raises(HomeBusy, match="left no note"), HomeLock(place).held(True):
            pass
    finally:
        end(process)
