"""`./runbook lab up --at STAGE` in the real lab: made once, there in seconds the second time, and as the plans left it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homelab import checkpoints
from homelab.world import open_world

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.lab


@pytest.fixture
def runbook(tmp_path, monkeypatch) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """``./runbook lab …`` with a state folder and saved labs of its own; all else of the cache is the user's."""
    cache = Path(os.environ.get("HOMELAB_CACHE") or Path.home() / ".cache/homelab-runbook")
    own = tmp_path / "c"
    own.mkdir()
    for entry in cache.iterdir():
        if entry.name != "saved":
            (own / entry.name).symlink_to(entry)
    monkeypatch.setenv("HOMELAB_CACHE", str(own))
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)

    def lab(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "homelab", "lab", *words]
        return subprocess.run(argv, capture_output=True, text=True, cwd=CHECKOUT, check=False)

    yield lab
    lab("down")


def is_left_as(stage: str, runbook: Callable[..., subprocess.CompletedProcess[str]], monkeypatch) -> None:
    first = runbook("up", "--at", stage)
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"saved as {stage}" in first.stdout
    assert runbook("up", "--at", stage).returncode == 3, "it is up"
    runbook("down")
    second = runbook("up", "--at", stage[:2])
    assert second.returncode == 0, second.stderr
    assert f"as it was saved in {stage}" in second.stdout
    assert "changes in" not in second.stdout, "nothing is made again"
    monkeypatch.setenv("HOMELAB_LAB", json.loads(runbook("status", "--json").stdout)["socket"])
    world = open_world("lab")
    for name in checkpoints.before(stage):
        assert str(checkpoints.planned(world, name)).startswith("No changes."), name
    world.close()
    monkeypatch.delenv("HOMELAB_LAB")


def test_a_late_learner_starts_at_02(runbook, monkeypatch) -> None:
    is_left_as("02_jellyfin", runbook, monkeypatch)


@pytest.mark.nightly
def test_a_late_learner_starts_at_05_and_goes_on_to_09(runbook, monkeypatch) -> None:
    is_left_as("05_funnel", runbook, monkeypatch)
    runbook("down")
    further = runbook("up", "--at", "09_gpu_benchmarks")
    assert further.returncode == 0, further.stderr
    assert "as it was saved in 05_funnel" in further.stdout, "from the nearest that is there"
    assert "08_audited_ssh" in further.stdout
    assert "03_enrollment" not in further.stdout
