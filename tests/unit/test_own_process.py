"""A program of a container, or of another lab, is none of this machine's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab import only_reads, own_process
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader

HERE = LocalMachine("tequila", Reader(), Pending())


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A program whose name nobody else has."""
    name = f"own{os.getpid()}"
    shutil.copy(shutil.which("sleep") or "", tmp_path / name)
    return str(tmp_path / name)


@pytest.fixture
def inside(program: str) -> Iterator[None]:
    """It runs in a PID namespace of its own, as a container does; skips where this user may have none."""
    argv = ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "--pid", "--fork", "--kill-child"]
    process = subprocess.Popen([*argv, "sh", "-c", f"echo up; exec {program} 60"], stdout=subprocess.PIPE)
    assert process.stdout
    if process.stdout.readline() != b"up\n":
        pytest.skip("no PID namespace for this user")
    name = Path(program).name
    while subprocess.run(["pidof", name], capture_output=True, check=False).returncode:
        assert process.poll() is None
    yield
    process.kill()
    process.wait()
    process.stdout.close()


def test_one_of_this_machine(program: str) -> None:
    name = Path(program).name
    assert not own_process.runs(HERE, name)
    with subprocess.Popen([program, "60"]) as process:
        while subprocess.run(["pidof", name], capture_output=True, check=False).returncode:
            assert process.poll() is None
        assert own_process.runs(HERE, name)
        process.kill()


@pytest.mark.usefixtures("inside")
def test_one_of_a_container_is_not(program: str) -> None:
    assert not own_process.runs(HERE, Path(program).name)


def test_asking_only_reads() -> None:
    assert only_reads.command(["sh", "-c", own_process.question("dockerd")]) == ""
