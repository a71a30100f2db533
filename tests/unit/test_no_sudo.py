"""Root where there is no sudo: what is typed with it works, in whatever form; anybody else is told so."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.errors import CommandFailed
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.plan import resource
from homelab.ssh import remote

NEEDED = ("sh", "env", "cat", "tee", "printf", "true", "test", "mktemp")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without sudo, where the user is root, or as ``uid`` in that folder says."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in NEEDED:
        (path / name).symlink_to(str(shutil.which(name)))
    (path / "id").write_text(f"#!/bin/sh\ncat {path}/uid\n")
    (path / "id").chmod(0o755)
    (path / "uid").write_text("0\n")
    (path / "sysctl").write_text(f'#!/bin/sh\necho "sysctl $*" >> {path}/said\n')
    (path / "sysctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return path


@pytest.fixture
def machine() -> LocalMachine:
    return LocalMachine("here", Reader(), Pending())


def test_a_pipe_into_sudo_and_what_follows_it(bare: Path, machine: LocalMachine, tmp_path: Path) -> None:
    file = tmp_path / "99-tailscale.conf"
    typed = f"printf '%s\\n' one | sudo tee {file} >/dev/null &&\nsudo sysctl -p {file}"
    assert machine.run(["sh", "-c", typed]).ok().argv[2] == typed, "what is shown is what was typed"
    assert file.read_text() == "one\n"
    assert (bare / "said").read_text() == f"sysctl -p {file}\n"
    assert machine.run(["sh", "-ec", "printf two | sudo tee " + str(file)]).ok().out == "two"


def test_the_forwarding_of_an_exit_node(bare: Path, machine: LocalMachine, tmp_path: Path) -> None:
    module = resource("ip_forward")
    _, _, typed = module.command(module.State(), module.State(True, True, ("net.ipv4.ip_forward = 1",)))
    assert "| sudo tee" in typed
    machine.run(["sh", "-c", typed.replace(module.FILE, str(tmp_path / "conf"))]).ok()
    assert "net.ipv4.ip_forward" in (tmp_path / "conf").read_text()


def test_the_options_that_matter_and_the_others(bare: Path, machine: LocalMachine) -> None:
    assert machine.run(["sudo", "printf", "%s", "a b"]).ok().out == "a b"
    assert machine.run(["sudo", "-n", "printf", "%s", "a b"]).ok().out == "a b"
    assert machine.run(["sh", "-c", "sudo -n -u root A=1 sh -c 'echo $A'"]).ok().out == "1\n"
    with pytest.raises(CommandFailed, match="-u postgres"):
        machine.run(["sh", "-c", "sudo -u postgres true"]).ok()
    with pytest.raises(CommandFailed, match="-i"):
        machine.run(["sudo", "-i", "true"]).ok()


def test_over_ssh_it_is_seen_there_who_asks(bare: Path, tmp_path: Path) -> None:
    file = tmp_path / "conf"
    typed = f"echo one | sudo tee {file} >/dev/null && sudo -n sysctl -w a=1"

    def there() -> subprocess.CompletedProcess[str]:
        boot, program = remote.BOOT, remote.line(["sh", "-c", typed], {}, fed=False)
        settled = boot.replace("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; ", "")
        return subprocess.run(
            ["sh", "-c", settled], input=program.decode(), capture_output=True, text=True, check=False
        )

    assert there().returncode == 0
    assert file.read_text() == "one\n"
    (bare / "uid").write_text("1000\n")
    done = there()
    assert done.returncode == 127
    assert "sudo: not found" in done.stderr


def test_where_sudo_is_it_is_used(bare: Path, machine: LocalMachine) -> None:
    (bare / "sudo").write_text("#!/bin/sh\nprintf real\n")
    (bare / "sudo").chmod(0o755)
    assert machine.run(["sh", "-c", "true | sudo tee x"]).ok().out == "real"


def test_a_failed_line_is_said_as_it_was_typed() -> None:
    said = str(CommandFailed(["sh", "-c", "printf '%s\\n' a | sudo tee x &&\nsudo y"], 127, "", "no y"))
    assert "`printf '%s\\n' a | sudo tee x && …` ended with status 127: no y" in said
    assert "'\"'\"'" not in said
