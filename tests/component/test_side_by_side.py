"""Where a run at home only looks its stages are at work side by side, and told of one after the other."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny import SHOW, Tiny, kernels, until

WAITS = """
import time
from pathlib import Path
def wait(*names, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not all(Path(name).exists() for name in names): time.sleep(0.02)
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


@pytest.fixture
def start(tiny: Tiny) -> Iterator[Start]:
    runs = []

    def begin(*words: str) -> subprocess.Popen[str]:
        runs.append(tiny.start(*words))
        return runs[-1]

    yield begin
    for run in runs:
        if run.poll() is None:
            run.kill()
            run.communicate()


def _statuses(tiny: Tiny) -> list[str]:
    return [stage["status"] for stage in tiny.results()["stages"]]


def test_who_is_done_early_is_told_of_in_its_turn_and_no_failure_is_lost(tiny: Tiny, start: Start) -> None:
    tiny.book("00_slow", SHOW + WAITS, "outcome('a', 'planned')", "wait('go')")
    asks = "record('asked', what='Open this page'); outcome('b', 'planned'); Path('died').touch()"
    tiny.book("01_dies", SHOW + WAITS, asks, "import os; os._exit(1)")
    tiny.book("02_fails", SHOW + WAITS, "outcome('c', 'planned')\nPath('failed').touch()\n1 / 0")
    tiny.book(
        "03_good", SHOW + WAITS, "wait('died', 'failed'); outcome('d', 'planned')", "Path('all').touch()"
    )
    run = start()
    made = tiny.folder / "notebooks"
    until((made / "all").exists, "the others to be through, while the first waits")
    assert _statuses(tiny) == ["running", "waiting", "waiting", "waiting"]
    assert not any(stage["changes"] or stage["cell"] for stage in tiny.results()["stages"][1:])
    assert [path.name for path in sorted((tiny.folder / "out").glob("*.ipynb"))] == ["00_slow.ipynb"]
    (made / "go").touch()
    out, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (1, "")
    assert _statuses(tiny) == ["drift", "failed", "failed", "drift"], out
    errors = [stage["error"] and stage["error"]["type"] for stage in tiny.results()["stages"]]
    assert errors == [None, "KernelDied", "ZeroDivisionError", None]
    told = ["Open this page", "○ 00_slow", "✗ 01_dies", "✗ 02_fails", "○ 03_good", "The plan is not whole"]
    assert [out.count(line) for line in told] == [1] * len(told), out
    assert sorted(told, key=out.index) == told, out
    assert (
        len(list((tiny.folder / "out").glob("0*.ipynb")))
        == len(list((tiny.folder / "out").glob("0*.html")))
        == 4
    )


def test_what_has_been_found_by_then_is_told_when_the_turn_begins(tiny: Tiny, start: Start) -> None:
    tiny.book("00_slow", WAITS, "wait('go')")
    tiny.book("01_slower", SHOW + WAITS, "check('second'); Path('go').touch(); wait('never')")
    run = start()
    until(lambda: tiny.proved("second"), "what the second has found, whose cell goes on")
    assert _statuses(tiny) == ["ok", "running"]
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=15)


def test_ctrl_c_ends_all_and_the_waiting_ones_have_not_been(tiny: Tiny, start: Start) -> None:
    for name in ("00_one", "01_two", "02_three", "03_four"):
        cell = f"try:\n    Path('{name}').touch(); wait('never')\nfinally: Path('{name}.tidied').touch()"
        tiny.book(name, WAITS, cell)
    run = start()
    made = tiny.folder / "notebooks"
    until(lambda: len(list(made.glob("0?_*"))) == 4 + 3, "three of them to be at work")
    mine = kernels(run.pid)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=15)
    assert (run.returncode, err) == (130, "")
    assert "Interrupted: 0 of 4 stages done." in out
    assert _statuses(tiny) == ["interrupted", "waiting", "waiting", "waiting"]
    assert tiny.stage()["error"] is None
    assert len(list(made.glob("*.tidied"))) == 3
    assert not [pid for pid in mine if Path("/proc", str(pid)).exists()]


def test_where_a_run_applies_one_follows_the_other(tiny: Tiny) -> None:
    tiny.book("00_one", WAITS, "wait('two', seconds=1); assert not Path('two').exists(); Path('one').touch()")
    tiny.book("01_two", WAITS, "Path('two').touch(); assert Path('one').exists()")
    done = tiny.run("--apply")
    assert done.returncode == 0, done.stdout
