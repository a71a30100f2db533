"""The plan of all stages in a fresh lab: every stage plans, nothing is left for later, and as a saved plan it goes to its end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.policy import policyfile
from homelab.resources import policy
from homelab.world import World

pytestmark = [pytest.mark.lab, pytest.mark.nightly]
CHECKOUT = Path(__file__).resolve().parents[2]


def runbook(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "homelab", "run", *words]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=1200, check=False)


def test_planned_saved_applied(world: World, tmp_path: Path) -> None:
    planned = runbook("--plan", "--out", str(tmp_path / "plan"))
    assert planned.returncode == 2, planned.stdout + planned.stderr
    results = json.loads((tmp_path / "plan/results.json").read_text())
    assert {s["status"] for s in results["stages"]} <= {"ok", "drift"}, planned.stdout
    plan = json.loads((tmp_path / "plan/plan.json").read_text())
    assert plan["left"] == []
    assert plan["notes"] == []

    saved = str(tmp_path / "plan/plan.json")
    applied = runbook("--apply", "--from", saved, "--out", str(tmp_path / "apply"))
    assert applied.returncode == 0, applied.stdout[-4000:] + applied.stderr
    assert world.tailnet
    reached = policyfile.data(policy.read(world.tailnet).text)
    # The second is of the page for Funnel, which 05 opens between the edits of 04, 07 and 08.
    assert {"tagOwners", "nodeAttrs", "autoApprovers", "ssh"} <= set(reached)
    assert {"tag:container", "tag:recorder"} <= set(reached["tagOwners"])

    again = runbook("--plan", "--from", saved)  # the recorder's key was for one use, and is spent
    assert again.stdout.splitlines()[-1].startswith("1 of "), again.stdout[-2000:] + again.stderr
    assert again.stdout.endswith("changes are not applied; the plan still fits.\n")
