"""A run that is broken off keeps what it found, and leaves no process."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from tiny import SHOW, Tiny, kernels, until


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def test_ctrl_c_keeps_what_was_found(tiny: Tiny) -> None:
    tiny.book("00_done", SHOW, "check('first')")
    tiny.book("01_long", SHOW, "check('second')", "import time; time.sleep(60)")
    tiny.book("02_never", "pass")
    run = tiny.start()
    until(lambda: tiny.proved("second") and tiny.stage(1)["cell"] == 5, "the long cell")
    mine = kernels(run.pid)
    assert mine
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=15)
    assert run.returncode == 130, err
    assert err == ""
    assert "Interrupted: 1 of 3 stages done." in out
    assert [s["status"] for s in tiny.results()["stages"]] == ["ok", "interrupted", "waiting"]
    assert tiny.results()["exit"] == 130
    assert [c["name"] for c in tiny.stage(1)["checks"]] == ["second"]
    assert "Interrupted" in (tiny.folder / "out/report.html").read_text()
    assert not [pid for pid in mine if Path("/proc", str(pid)).exists()]


def test_an_interrupted_cell_may_put_things_in_order(tiny: Tiny) -> None:
    cell = "import time\ntry:\n    print(open('begun', 'w')); time.sleep(60)\nfinally: open('tidied', 'w')"
    tiny.book("00_long", cell)
    run = tiny.start()
    until((tiny.folder / "notebooks/begun").exists, "the cell")
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=15)
    assert run.returncode == 130
    assert (tiny.folder / "notebooks/tidied").exists()


def test_kill_9_leaves_no_kernel_and_a_readable_result(tiny: Tiny) -> None:
    tiny.book("00_done", SHOW, "check('first')")
    tiny.book("01_long", SHOW, "check('second'); import time; time.sleep(60)")
    tiny.book("02_never", "import time; time.sleep(60)")
    run = tiny.start()
    until(lambda: tiny.proved("second"), "a record, as it comes")
    until(lambda: len(kernels(run.pid)) == 3, "the kernel that is at work beside it")
    mine = kernels(run.pid)
    run.kill()
    run.communicate()
    until(lambda: not any(Path("/proc", str(pid)).exists() for pid in mine), "the kernels' end", 2)
    results = tiny.results()
    assert results["status"] == "running"
    assert [s["status"] for s in results["stages"]] == ["ok", "running", "waiting"]
    assert [c["name"] for c in results["stages"][1]["checks"]] == ["second"]
    json.loads((tiny.folder / "out/01_long.ipynb").read_text())
    report = (tiny.folder / "out/report.html").read_text()
    assert "the run was killed" in report
    assert "second" in report
    assert report.endswith("</html>\n")
