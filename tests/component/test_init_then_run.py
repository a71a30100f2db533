"""The promise of ``./runbook init``: a run over all stages of what it wrote plans nothing, fails nothing, changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.nightly
def test_nothing_is_drift_before_it_is_claimed(tmp_path: Path) -> None:
    home, commands = tmp_path / "home.yaml", tmp_path / "commands"
    environment = {**os.environ, "HOMELAB_COMMANDS": str(commands), "XDG_STATE_HOME": str(tmp_path / "state")}

    def runbook(*words: str) -> subprocess.CompletedProcess[str]:
        line = [str(CHECKOUT / "runbook"), *words]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=900)

    done = runbook("init", "--out", str(home))
    assert done.returncode == 0, done.stderr
    assert runbook("check", "--params", str(home)).returncode in (0, 3)  # 3: no Docker here, say
    done = runbook("run", "--params", str(home), "--apply", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert len(results["stages"]) >= 11
    assert {s["status"] for s in results["stages"]} == {"observed"}
    assert {c["outcome"] for s in results["stages"] for c in s["changes"]} <= {"observed"}
    ran = [json.loads(line) for line in commands.read_text().splitlines()]
    assert ran
    assert not [line for line in ran if line["refused"] or line["changing"]]
