"""The notebook on SSH with its long experiments: a silent session that is cut, a check that runs out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.lab
@pytest.mark.nightly
def test_the_long_experiments(tmp_path) -> None:
    out = tmp_path / "run"
    argv = ["run", "08_audited_ssh", "-p", "experiments=true", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "homelab", *argv],
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_STATE": str(tmp_path / "s"), "HOMELAB_LAB": ""},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (stage,) = json.loads((out / "results.json").read_text())["stages"]
    names = [check["name"] for check in stage["checks"]]
    assert "is asked again as root on demoserver" in names
    assert names.count("recorder answers") == 4
