"""A run over SSH: a kernel per stage, and one connection per machine for all of them, which ends with the run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import loopback_sshd
import pytest

from homelab.runner import results

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[loopback_sshd.Sshd]:
    server = loopback_sshd.Sshd(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as made:  # sockets want a short name
        yield Path(made)


def test_one_connection_per_machine(sshd: loopback_sshd.Sshd, tmp_path: Path, temporary: Path) -> None:
    params, out = tmp_path / "home.yaml", tmp_path / "run"
    params.write_text(
        "world: attic\nmachines:\n"
        f"  tequila: {{via: '{sshd.address()}'}}\n"
        f"  demoserver: {{via: '{sshd.address('root')}'}}\n"
    )
    given = {
        "HOMELAB_SSH_CONFIG": str(sshd.config),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_RUNTIME_DIR": str(temporary),
    }
    ended = subprocess.run(
        ["./runbook", "run", "03", "06", "--params", str(params), "--out", str(out)],
        cwd=CHECKOUT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2, ended
    assert [stage["status"] for stage in results.load(out)["stages"]] == ["drift", "drift"]
    assert sshd.accepted() == 2
    assert not list(temporary.glob("hr-ssh-*")), "the connections have ended with the run"
    assert sshd.said().count("disconnected by user") == 2
