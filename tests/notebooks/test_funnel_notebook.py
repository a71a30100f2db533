"""The funnel notebook: with its experiments; where it is broken, it fails; in a home it plans and applies nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homelab import labsocket
from homelab.lab_lease import Lease

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOK = "notebooks/05_funnel.ipynb"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A lab for one test; yields its socket."""
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    yield lease.socket()
    lease.close()


def runbook(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "homelab", *words],
        cwd=CHECKOUT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.lab
@pytest.mark.nightly
def test_with_experiments(lab, tmp_path) -> None:
    done = runbook(
        "run", "05", "-p", "experiments=true", "--out", str(tmp_path / "run"), HOMELAB_LAB=str(lab)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (stage,) = json.loads((tmp_path / "run" / "results.json").read_text())["stages"]
    crowd = [c for c in stage["checks"] if c["name"] == "carries 50 visitors at once"]
    print(crowd)
    assert [c["status"] for c in crowd] == ["ok"]


@pytest.mark.lab
@pytest.mark.nightly
def test_without_the_relay_nobody_comes_and_the_notebook_fails(lab) -> None:
    """From inside all is well; only the visitor notices."""
    labsocket.request(lab, op="link", machine="relay", network=None, set={"cut": True})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "-p", "no:cacheprovider", NOTEBOOK],
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_LAB": str(lab)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout
    for cell in ("outside-check", "tls"):
        assert _failed(done.stdout, cell), cell
    for cell in ("inside-check", "who"):
        assert not _failed(done.stdout, cell), cell


def _failed(text: str, cell: str) -> bool:
    code = [c for c in json.loads((CHECKOUT / NOTEBOOK).read_text())["cells"] if c["cell_type"] == "code"]
    number = next(n for n, c in enumerate(code) if c["id"] == cell)
    return f"::Cell {number}\n" in text or f"::Cell {number} " in text


def test_a_home_plans_and_applies_nothing(tmp_path) -> None:
    """A home's only machine is this one: nothing is started on it, and nothing that is asked of others fails."""
    params = tmp_path / "home.yaml"
    params.write_text("world: attic\nmachines:\n  attic: {about: a laptop}\nfunnel: {to: 3999}\n")
    done = runbook(
        "run", "05", "--params", str(params), "--out", str(tmp_path / "run"), XDG_STATE_HOME=str(tmp_path)
    )
    assert done.returncode == 2, done.stdout + done.stderr
    (stage,) = json.loads((tmp_path / "run" / "results.json").read_text())["stages"]
    assert {c["outcome"] for c in stage["changes"]} == {"planned"}
    assert {c["status"] for c in stage["checks"]} == {"skip"}
    assert not (tmp_path / "homelab-runbook" / "homes" / "attic.jsonl").exists()
