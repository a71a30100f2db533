"""The benchmarks' chapter at a home, twice in one lab, and (nightly) its long measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.lab_lease import Lease

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


def test_a_home_is_measured_and_nothing_applied(tmp_path) -> None:
    home = CHECKOUT / "params/home.example.yaml"
    status, found = run(tmp_path / "run", "--params", str(home), "-p", "repetitions=1", "-p", "depths=[0]")
    assert status == 0
    assert not [c for c in found["changes"] if c["outcome"] == "applied"]
    report = json.loads((tmp_path / "run/benchmarks/report.json").read_text())
    assert report["cases"][0]["samples"]


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
