"""A run and its lab: found, or started for the run and gone with it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import SHOW, Tiny, kernels, until

pytestmark = pytest.mark.lab

LOOK = """
from homelab.world import open_world
world = open_world(params, apply)
check("the phone answers", evidence=world["phone"].run(["hostname"]).ok().out)
"""


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for labs of this test's own; short, as it holds sockets."""
    with tempfile.TemporaryDirectory(prefix="hl") as folder:
        monkeypatch.setenv("HOMELAB_STATE", folder)
        monkeypatch.delenv("HOMELAB_LAB", raising=False)
        yield Path(folder)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.home.write_text("world: lab\n")
    return made


def lab_of(state: Path) -> int:
    """Pid 1 of the one lab there is."""
    [config] = state.glob("*/lab.json")
    return int(json.loads(config.read_text())["pid"])


def gone(state: Path, pid: int) -> bool:
    return not Path("/proc", str(pid)).exists() and not [p for p in state.iterdir() if p.is_dir()]


def test_a_lab_of_its_own_ends_with_the_run(tiny: Tiny, state: Path) -> None:
    tiny.book("00_look", SHOW, LOOK)
    tiny.book("01_again", SHOW, LOOK)
    done = tiny.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert tiny.results()["lab"] == "own"
    assert [c["evidence"] for s in tiny.results()["stages"] for c in s["checks"]] == ["phone\n"] * 2
    assert not [p for p in state.iterdir() if p.is_dir()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_end_of_the_run_leaves_a_lab(tiny: Tiny, state: Path, number: signal.Signals) -> None:
    tiny.book("00_look", SHOW, LOOK, "import time; time.sleep(60)")
    tiny.book("01_never", "pass")
    run = tiny.start()
    until(lambda: tiny.proved("the phone answers"), "the lab")
    pid, mine = lab_of(state), kernels(run.pid)
    assert mine
    run.send_signal(number)
    run.communicate(timeout=15)
    assert run.returncode == (-9 if number == signal.SIGKILL else 130)
    until(lambda: gone(state, pid), "the lab's end", 5)
    until(lambda: not any(Path("/proc", str(k)).exists() for k in mine), "the kernels' end", 2)
    assert tiny.results()["stages"][0]["checks"][0]["evidence"] == "phone\n"
    assert "the phone answers" in (tiny.folder / "out/report.html").read_text()


def test_ctrl_c_while_the_lab_comes_up_leaves_nothing(tiny: Tiny, state: Path) -> None:
    tiny.book("00_look", SHOW, LOOK)
    run = tiny.start()
    until(lambda: any(p.is_dir() for p in state.iterdir()), "the lab's folder")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=15)
    assert run.returncode == 130
    until(lambda: not [p for p in state.iterdir() if p.is_dir()], "the lab's end", 5)
    assert not (tiny.folder / "out").exists()
    assert kernels(run.pid) == []


def test_a_lab_that_is_up_is_used_and_stays(tiny: Tiny, state: Path) -> None:
    lab = subprocess.Popen(
        [sys.executable, "-m", "homelab.lab", "up", "--lease"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert lab.stdin
    assert lab.stdout
    socket = json.loads(lab.stdout.readline())["socket"]
    tiny.book("00_look", SHOW, LOOK)
    try:
        done = tiny.run(env={"HOMELAB_LAB": socket})
        assert done.returncode == 0, done.stdout + done.stderr
        assert tiny.results()["lab"] == "kept"
        assert lab.poll() is None
        assert os.path.exists(socket)  # noqa: PTH110
    finally:
        lab.stdin.close()
        lab.wait(10)


def test_a_lab_that_does_not_answer_is_said_before_anything_starts(tiny: Tiny, state: Path) -> None:
    tiny.book("00_look", SHOW, LOOK)
    done = tiny.run(env={"HOMELAB_LAB": str(state / "none.sock")})
    assert done.returncode == 3
    assert "HOMELAB_LAB names a lab that does not answer" in done.stderr
    assert not (tiny.folder / "out").exists()


def test_a_topology_that_cannot_be_starts_nothing(tiny: Tiny, state: Path) -> None:
    tiny.home.write_text("world: lab\ntopology:\n  networks:\n    a: {prefix: 1.2.3.0/99}\n  machines: {}\n")
    tiny.book("00_look", SHOW, LOOK)
    done = tiny.run()
    assert done.returncode == 3, done.stderr
    assert "home.yaml:4" in done.stderr
    assert not (tiny.folder / "out").exists()
    assert not [p for p in state.iterdir() if p.is_dir()]


def test_jupyterlab_opens_with_a_lab_and_ends_with_it(tiny: Tiny, state: Path) -> None:
    tiny.book("00_look", SHOW, LOOK)
    window = subprocess.Popen(
        tiny.command("open", "look"), cwd=tiny.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={**os.environ, "BROWSER": "true"},
    )  # fmt: skip
    assert window.stdout
    try:
        _look_around(window, state)
    finally:
        window.send_signal(signal.SIGTERM)
        window.communicate(timeout=30)
    assert window.returncode == 130
    until(lambda: not [p for p in state.iterdir() if p.is_dir()], "the lab's end", 5)


def _look_around(window: subprocess.Popen[str], state: Path) -> None:
    said = ""
    for line in window.stdout or ():
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+/\S+token=\S+", line):
            break
    assert "A lab of its own, until JupyterLab ends." in said
    assert "/lab/tree/notebooks/00_look.ipynb?" in found[0]
    address = found[0].replace("/lab/tree/", "/api/contents/")

    def answers() -> bool:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return bool(json.load(answer)["name"] == "00_look.ipynb")
        except urllib.error.URLError:
            return False  # it says its address a moment before it listens

    until(answers, "JupyterLab's answer")
    theme = re.sub(r"/lab/tree/[^?]+", "/lab/api/settings/@jupyterlab/apputils-extension:themes", found[0])
    with urllib.request.urlopen(
        theme, timeout=20
    ) as answer:  # read by the JSON5 parser that we have for both
        assert json.load(answer)["schema"]["title"] == "Theme"
    assert lab_of(state)
