"""The benchmarks' chapter at a home, twice in one lab, and (nightly) its long measurement."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.errors import EXIT_INTERRUPTED
from homelab.lab_lease import Lease
from homelab.llm import record
from homelab.llm.result import Report
from homelab.wait import until

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.nightly


def run(out: Path, *more: str, **env: str) -> tuple[int, dict]:
    argv = [sys.executable, "-m", "homelab", "run", "09", "--out", str(out), *more]
    done = subprocess.run(argv, cwd=CHECKOUT, env={**os.environ, **env}, timeout=1500, check=False)
    return done.returncode, json.loads((out / "results.json").read_text())["stages"][0]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The socket of a fresh lab, which ends with the test."""
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    yield lease.socket()
    lease.close()


HOME = [
    "--params",
    str(CHECKOUT / "params/home.example.yaml"),
    "--apply",
]  # nobody there runs an engine: no change


def test_a_home_is_measured_when_told_and_nothing_changed(tmp_path) -> None:
    few = ("-p", "repetitions=1", "-p", "depths=[0]")
    status, found = run(tmp_path / "shown", *HOME[:2], *few)
    assert status == 0
    assert kept(tmp_path / "shown").cases == [], "while changes are only shown, nothing computes"
    status, found = run(tmp_path / "run", *HOME, *few)
    assert status == 0
    assert found["changes"] == []
    assert kept(tmp_path / "run").cases[0].samples
    assert kept(tmp_path / "run").host["cpu"]


def started(out: Path, *more: str) -> subprocess.Popen[str]:
    """A long measurement at a home, with one repetition of it kept."""
    argv = [sys.executable, "-m", "homelab", "run", "09", "--out", str(out), *HOME, "-p", "limit=0", *more]
    runs = subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    file = out / "benchmarks/report.json"
    until(lambda: file.exists() or runs.poll() is not None, bool, "a first repetition", 120)
    return runs


def kept(out: Path) -> Report:
    return record.from_json((out / "benchmarks/report.json").read_text())


def test_one_who_loses_patience_has_what_was_measured(tmp_path) -> None:
    runs = started(tmp_path / "run", "-p", "repetitions=50")
    runs.send_signal(signal.SIGINT)
    said, _ = runs.communicate(timeout=60)
    assert runs.returncode == EXIT_INTERRUPTED, said
    assert kept(tmp_path / "run").cases[0].samples
    assert kept(tmp_path / "run").ended


def test_an_engine_that_dies_leaves_a_failed_stage_and_what_was_measured(tmp_path) -> None:
    runs = started(tmp_path / "run", "-p", "repetitions=50")
    for pid in below(runs.pid):
        if b"homelab/llm/program.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    said, _ = runs.communicate(timeout=60)
    assert runs.returncode == 1, said
    assert "the embedded engine ended with status -9" in said
    found = kept(tmp_path / "run")
    assert found.failed
    assert found.cases[0].samples
    assert (tmp_path / "run/benchmarks/report.md").read_text().count("Ended early")


def below(pid: int) -> list[int]:
    """All processes that `pid` started, and they."""
    children = [
        int(n)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for n in (task / "children").read_text().split()
    ]
    return children + [n for child in children for n in below(child)]


@pytest.mark.parametrize(
    ("settings", "status", "said"),
    [
        (("server=nowhere",), 3, "plays 'nowhere'"),
        (("tokens=0",), 3, "tokens"),
        (("engine=ollama", "url=http://127.0.0.1:9"), 1, "nobody answers at http://127.0.0.1:9"),
    ],
)
def test_bad_input_from_the_command_line(tmp_path, settings, status, said) -> None:
    argv = [sys.executable, "-m", "homelab", "run", "09", "--out", str(tmp_path / "run"), *HOME]
    argv += [word for setting in settings for word in ("-p", setting)]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, said in done.stdout + done.stderr) == (status, True), done.stdout + done.stderr
    assert (tmp_path / "run").exists() == (status != 3)


@pytest.mark.lab
def test_the_second_run_changes_nothing_and_compares_with_the_first(lab, tmp_path) -> None:
    status, _ = run(tmp_path / "first", HOMELAB_LAB=lab)
    assert status == 0
    earlier = tmp_path / "first/benchmarks/report.json"
    status, again = run(tmp_path / "again", "-p", f"compare_with={earlier}", HOMELAB_LAB=lab)
    assert status == 0
    assert not [c for c in again["changes"] if c["outcome"] == "applied"]


@pytest.mark.lab
def test_the_long_measurement(lab, tmp_path) -> None:
    status, _ = run(tmp_path / "run", "-p", "thorough=true", HOMELAB_LAB=lab)
    assert status == 0
    report = json.loads((tmp_path / "run/benchmarks/report.json").read_text())
    cases = [(c["depth"], c["streams"]) for c in report["cases"]]
    assert cases == [(0, 1), (512, 1), (2048, 1), (2500, 1), (0, 2), (0, 4)]
    assert not report["ended"]
