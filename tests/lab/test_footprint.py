"""A lab leaves the host as it was: while it is up, when it is down, and when somebody kills it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Owned, wait_for
from host import alive, family, snapshot

Call = Callable[..., subprocess.CompletedProcess[str]]


def same(before: dict[str, object]) -> None:
    """The host is as `before`; says what is not."""
    now = snapshot()
    assert {k: now[k] for k in now if now[k] != before[k]} == {
        k: before[k] for k in now if now[k] != before[k]
    }


@pytest.mark.parametrize("end", ["down", "owner", "pid1"])
def test_the_host_is_as_before(call: Call, end: str, tmp_path: Path) -> None:
    before = snapshot()
    assert call("up", "--enrolled").returncode == 0
    status = json.loads(call("status", "--json").stdout)
    # What a machine does to its own system is what must not show outside.
    for machine in ("tequila", "visitor"):
        script = "curl -fsSL https://tailscale.com/install.sh | sh; useradd mia; touch /etc/x /usr/bin/x /var/lib/x"
        call(
            "exec",
            machine,
            "--",
            "sh",
            "-c",
            script + "; iptables -F; sysctl -w net.ipv4.ip_forward=1; hostname z",
        )
    call("link", "phone", "--delay", "5")
    same(before)
    everybody = family(status["owner_pid"])
    if end == "down":
        assert call("down").returncode == 0
    else:
        os.kill(status["owner_pid" if end == "owner" else "pid"], signal.SIGKILL)
    wait_for("everybody to be gone", lambda: not alive(everybody), 5)
    same(before)
    inside = [p.relative_to(tmp_path / "s") for p in (tmp_path / "s").rglob("*")]
    assert not [
        p for p in inside if p.suffix not in (".log", ".json", ".sock", ".owner") and p.name not in _PLAIN(p)
    ]


def _PLAIN(path: Path) -> tuple[str, ...]:  # noqa: N802
    """The folders, disks and lock of a state folder: no overlay's work, no copy of a machine's files."""
    return (path.parts[0], "log", "ns", ".owner", "hub", "disks", "tequila", "docker", "mnt-backup")


def test_the_host_is_as_before_when_the_lease_holder_is_killed(small: Path, tmp_path: Path) -> None:
    before = snapshot()
    owned = Owned("--topology", str(small), state=tmp_path / "s")
    same(before)
    everybody = family(owned.process.pid)
    owned.process.kill()
    owned.process.wait()
    wait_for("everybody to be gone", lambda: not alive(everybody), 5)
    same(before)
    for stream in (owned.process.stdin, owned.process.stdout, owned.process.stderr):
        assert stream
        stream.close()
