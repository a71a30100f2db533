"""Chapter 10 as a whole: with its experiments, once more, and after it was cut off in the middle."""

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
pytestmark = [pytest.mark.lab, pytest.mark.nightly]


@pytest.fixture
def socket(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    yield lease.socket()
    lease.close()


def run(socket: str, out: Path, *more: str) -> dict:
    argv = [sys.executable, "-m", "homelab", "run", "10", *more, "--out", str(out)]
    env = {**os.environ, "HOMELAB_LAB": socket}
    done = subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=400)
    (stage,) = json.loads((out / "results.json").read_text())["stages"]
    return {**stage, "rc": done.returncode, "said": done.stdout}


def test_with_experiments_and_once_more(socket, tmp_path) -> None:
    first = run(socket, tmp_path / "1", "-p", "experiments=true")
    assert first["rc"] == 0, first["said"]
    assert [c["status"] for c in first["checks"] if c["name"] == "nothing is left"] == ["ok"] * 3
    # What a run that is cut off would leave: a narrow network, and a second client.
    labsocket.request(socket, op="link", machine="tequila", network="wsl", set={"mtu": 1280})
    labsocket.request(socket, op="start", machine="windows", name="tailscaled")
    second = run(socket, tmp_path / "2")
    assert second["rc"] == 0, second["said"]
    lasting = ("login", "policy", "dns", "image", "project", "engine")
    again = [c for c in second["changes"] if c["resource"] in lasting and c["machine"] != "windows"]
    assert [c for c in again if c["outcome"] != "already"] == [], "what lasts was there already"
