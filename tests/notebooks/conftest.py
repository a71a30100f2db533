"""A lab of one test's own, and a stage run on it from the command line, as a person does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homelab.lab_lease import Lease

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The socket of a fresh lab, which ends with the test."""
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    yield lease.socket()
    lease.close()


@pytest.fixture
def run(socket: str) -> Callable[..., dict]:
    """``run("07", out, "-p", "experiments=true")``: the stage's results, the exit status and what was printed."""

    def it(stage: str, out: Path, *more: str) -> dict:
        argv = [sys.executable, "-m", "homelab", "run", stage, *more, "--out", str(out)]
        env = {**os.environ, "HOMELAB_LAB": socket}
        done = subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=400)
        (found,) = json.loads((out / "results.json").read_text())["stages"]
        return {**found, "rc": done.returncode, "said": done.stdout}

    return it
