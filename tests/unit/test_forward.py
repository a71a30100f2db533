"""A port of WSL that leads into the tailnet: what is refused, and systemd's units as text; socat itself runs where it is installed."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from fake_windows import FakeWsl

from homelab.errors import HomelabError
from homelab.resources import forward


@pytest.fixture
def port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.mark.parametrize("target", ["", "mqtt", "mqtt:", "a b:1", "mqtt:1883; rm", "-x:1"])
def test_what_is_no_target_is_refused(target) -> None:
    with pytest.raises(HomelabError, match="no host:port"):
        forward.wanted(1883, target, systemd=False)


def test_without_socat_that_is_said(tmp_path: Path, port) -> None:
    wsl = FakeWsl(tmp_path)
    wsl.env["PATH"] = f"{wsl.bin}"
    for tool in ("sh", "sed", "pgrep", "ss", "head"):
        real = next(
            p for p in (Path("/usr/bin") / tool, Path("/bin") / tool, Path("/sbin") / tool) if p.exists()
        )
        (wsl.bin / tool).symlink_to(real)
    with pytest.raises(HomelabError, match="socat is not installed") as error:
        forward.do(wsl, forward.State(port), forward.wanted(port, "mqtt:1883", systemd=False))
    assert error.value.hint == "sudo apt-get install socat"


def test_a_port_that_something_else_has_is_said(tmp_path: Path) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        with pytest.raises(HomelabError, match="taken by something else"):
            forward.read(FakeWsl(tmp_path), str(s.getsockname()[1]))


def test_systemd_units_are_made_and_taken_away() -> None:
    there = forward.wanted(1883, "mqtt:1883", systemd=True)
    made, gone = (
        forward.command(a, b)[2] for a, b in ((forward.State(1883), there), (there, forward.State(1883)))
    )
    assert "ListenStream=0.0.0.0:1883" in made
    assert f"ExecStart={forward.PROXY} mqtt:1883" in made
    assert "rm /etc/systemd/system/homelab-forward-1883.socket" in gone
    moved = forward.command(there, forward.wanted(1883, "mqtt2:1883", systemd=True))[2]
    assert moved.index("disable") < moved.index("mqtt2:1883")


@pytest.mark.skipif(not shutil.which("socat"), reason="socat is not installed")
def test_socat_leads_there_and_goes(tmp_path: Path, port) -> None:
    wsl = FakeWsl(tmp_path)
    (wsl.bin / "socat").symlink_to(str(shutil.which("socat")))
    there = forward.wanted(port, "127.0.0.1:9", systemd=False)
    forward.do(wsl, forward.State(port), there)
    assert forward.read(wsl, str(port)) == there
    forward.do(wsl, there, forward.State(port))
    assert forward.read(wsl, str(port)) == forward.State(port)
