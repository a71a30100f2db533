"""Chapter 01 as a run: at home on a machine without WSL; and, nightly, with its experiments, twice, otherwise, and broken."""

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
WINDOWS = {"index.html", "homelab-wsl.ps1", "wsl-init.vbs"}


def run(out: Path, *more: str, **env: str) -> tuple[int, dict]:
    argv = [sys.executable, "-m", "homelab", "run", "01", "--out", str(out), *more]
    done = subprocess.run(argv, cwd=CHECKOUT, env={**os.environ, **env}, timeout=240, check=False)
    return done.returncode, json.loads((out / "results.json").read_text())["stages"][0]


def test_plain_linux_skips_and_gets_the_files(tmp_path) -> None:
    if "microsoft" in Path("/proc/version").read_text().lower():
        pytest.skip("this is WSL")
    (tmp_path / "home.yaml").write_text("world: attic\nmachines:\n  tequila: {about: a laptop}\n")
    status, found = run(
        tmp_path / "run", "--params", str(tmp_path / "home.yaml"), "-p", "distribution=Debian"
    )
    assert (status, found["changes"]) == (0, [])
    assert {c["status"] for c in found["checks"]} == {"skip"}
    assert all("not WSL" in c["evidence"] for c in found["checks"])
    assert {f.name for f in (tmp_path / "run" / "windows").iterdir()} == WINDOWS
    assert 'href="windows/index.html"' in (tmp_path / "run" / "01_wsl_setup.html").read_text()
    assert "wsl -d Debian" in (tmp_path / "run" / "windows" / "wsl-init.vbs").read_text()


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The socket of a fresh lab, which ends with the test."""
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    yield lease.socket()
    lease.close()


@pytest.mark.lab
@pytest.mark.nightly
def test_with_its_experiments_and_again(lab, tmp_path) -> None:
    status, first = run(tmp_path / "first", "-p", "experiments=true", HOMELAB_LAB=lab)
    assert status == 0
    assert {"logon_task", "wsl_config", "wsl_conf"} <= {c["resource"] for c in first["changes"]}
    status, again = run(tmp_path / "again", HOMELAB_LAB=lab)
    assert (status, again["changes"]) == (0, [])


@pytest.mark.lab
@pytest.mark.nightly
def test_without_administrator_and_english_and_then_the_talks_way(lab, tmp_path) -> None:
    labsocket.request(lab, op="windows", machine="windows", set={"locale": "es-ES", "admin": "refused"})
    status, _ = run(tmp_path / "spanish", "-p", "docker_at_boot=false", HOMELAB_LAB=lab)
    assert status == 0
    status, found = run(
        tmp_path / "talk", "-p", "start=script", "-p", "docker_at_boot=false", HOMELAB_LAB=lab
    )
    assert status == 0
    assert {c["resource"] for c in found["changes"]} == {"logon_task", "startup_script"}


@pytest.mark.lab
@pytest.mark.nightly
def test_a_task_that_keeps_nothing_is_noticed(lab, tmp_path) -> None:
    document = labsocket.request(lab, op="status")["machines"]["tequila"]
    tequila = LabMachine(lab, "tequila", document, Reader(), Pending())
    sleep = '#!/bin/sh\n[ "$1" = infinity ] && exec /usr/bin/sleep.real 0.3\nexec /usr/bin/sleep.real "$@"\n'
    tequila.run(["mv", "/usr/bin/sleep", "/usr/bin/sleep.real"]).ok()
    tequila.write_text("/usr/bin/sleep", sleep, 0o755)
    status, found = run(tmp_path / "run", HOMELAB_LAB=lab)
    assert status == 1
    assert [c["name"] for c in found["checks"] if c["status"] == "fail"] == ["runs on without a terminal"]
