"""The exit node's chapter with its experiments, and without its feature: then the notebook must fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homelab import labsocket
from homelab.lab_lease import Lease
from homelab.lab_machine import LabMachine
from homelab.machine import Pending
from homelab.person import Reader

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.lab, pytest.mark.nightly]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The socket of a fresh lab, which ends with the test."""
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    yield lease.socket()
    lease.close()


def run(lab, out: Path, *more: str) -> tuple[int, dict]:
    argv = [sys.executable, "-m", "homelab", "run", "06", "--out", str(out), *more]
    done = subprocess.run(
        argv, cwd=CHECKOUT, env={**os.environ, "HOMELAB_LAB": lab}, timeout=240, check=False
    )
    return done.returncode, json.loads((out / "results.json").read_text())["stages"][0]


def test_with_its_experiments_and_again(lab, tmp_path) -> None:
    status, first = run(lab, tmp_path / "first", "-p", "experiments=true")
    assert status == 0
    status, again = run(lab, tmp_path / "again")
    lasting = {"client", "login", "ip_forward", "approval"}
    assert status == 0
    assert lasting & {c["resource"] for c in first["changes"]}
    assert not lasting & {c["resource"] for c in again["changes"]}


def test_a_phone_that_leaks_is_noticed(lab, tmp_path) -> None:
    """A rule before Tailscale's own sends packets to one address by the flat's router, whatever the switch says."""
    document = labsocket.request(lab, op="status")["machines"]["phone"]
    phone = LabMachine(lab, "phone", document, Reader(), Pending())
    phone.run(["ip", "rule", "add", "pref", "100", "to", "203.0.113.50", "lookup", "main"]).ok()
    status, found = run(lab, tmp_path / "run")
    assert status == 1
    assert [c["name"] for c in found["checks"] if c["status"] == "fail"] == ["nothing gets out"]
