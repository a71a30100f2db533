"""``./runbook check`` of a home: all that is missing on every machine, in one go, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import loopback_sshd
import pytest

from homelab.errors import EXIT_NOT_STARTED, EXIT_OK
from homelab.runner.check import check


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[loopback_sshd.Sshd]:
    server = loopback_sshd.Sshd(tmp_path)
    server.start()
    monkeypatch.setenv("HOMELAB_SSH_CONFIG", str(server.config))
    yield server
    server.stop()


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What was found, by name and vantage point, with its hint."""
    found: dict[str, str] = {}
    name = ""
    for line in capsys.readouterr().out.splitlines():
        if line.startswith(" "):
            found[name] += line
        else:
            status, rest = line.split(maxsplit=2)[1:]
            name = rest.partition(":")[0]
            found[name] = f"{status} {rest.partition(': ')[2]}"
    return found


def test_all_that_is_missing_is_said_at_once(
    sshd: loopback_sshd.Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params, known = tmp_path / "home.yaml", sshd.known.read_text()
    params.write_text(
        "world: attic\nmachines:\n"
        f"  demoserver: {{via: '{sshd.address()}'}}\n"
        f"  fooocus: {{via: '{sshd.address('root')}'}}\n"
        f"  router: {{via: '{sshd.address('nologin')}'}}\n"
        "  phone: {via: 'ssh://no-such-host.invalid'}\n"
        f"  db: {{via: 'ssh://reader@localhost:{sshd.port}'}}\n"
    )
    assert check(str(params)) == EXIT_NOT_STARTED
    found = said(capsys)
    assert found["it can be reached (from demoserver)"].startswith(f"ok {sshd.address()}, as reader")
    assert found["sudo asks for no password (from demoserver)"].startswith(
        "warn sudo: a password is required"
    )
    assert "reader ALL=(ALL) NOPASSWD: ALL" in found["sudo asks for no password (from demoserver)"]
    assert found["it may do what needs root (from fooocus)"].startswith("ok it is root; sudo is there")
    assert found["tailscale is there (from demoserver)"].startswith("warn no tailscale")
    assert "03_enrollment" in found["tailscale is there (from demoserver)"]
    assert found["docker is there (from demoserver)"].startswith("warn no docker")
    assert "no POSIX shell" in found["it can be reached (from router)"]
    assert "no-such-host.invalid is not known" in found["it can be reached (from phone)"]
    assert "not accepted unseen" in found["it can be reached (from db)"]
    assert "ssh-keyscan" in found["it can be reached (from db)"]
    assert "windows" in found["every role is played (from this home)"]
    assert "demoserver" not in found["every role is played (from this home)"]
    assert found["the admin API takes the key (from the admin API)"].startswith("skip no key")
    assert sshd.known.read_text() == known
    assert sshd.accepted() == 3, "one connection for each that lets us in"


def test_another_distribution(
    sshd: loopback_sshd.Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "os-release"
    other.write_text('ID=fedora\nPRETTY_NAME="Fedora Linux 42"\n')
    params = tmp_path / "home.yaml"
    params.write_text(f"world: attic\nmachines:\n  demoserver: {{via: '{sshd.address()}'}}\n")
    sshd.stop()
    sshd.start(before=f"mount --bind {other} /etc/os-release; mount --bind /dev/null /usr/bin/apt-get")
    assert check(str(params)) == EXIT_OK
    assert said(capsys)["its packages come by apt (from demoserver)"].startswith("warn Fedora Linux 42")
