"""Containers leave the host as it was too: while they run, when the lab is down, and whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dockers
import pytest
from conftest import CHECKOUT, LAB, Lab, Owned, wait_for
from host import alive, family, groups, parent, snapshot

Call = Callable[..., subprocess.CompletedProcess[str]]
needs_groups = pytest.mark.skipif(os.geteuid() != 0, reason="without root there are no control groups")


def _up(call: Call, tmp_path: Path) -> dict[str, Any]:
    """A lab whose engine runs a container with a limit and a published port."""
    done = call("up", "--topology", dockers.topology(tmp_path))
    assert done.returncode == 0, done
    status = dict(json.loads(call("status", "--json").stdout))
    lab = Lab(status["socket"])
    dockers.begin(lab, "server")
    limit = ["-m", "64m"] if status["tier"] == "root" else []
    words = ["run", "-d", "--name", "web", "--restart", "always", *limit, "-p", "80:80", *dockers.PAGE]
    assert dockers.docker(lab, "server", *words).returncode == 0
    wait_for("the page", lambda: lab.run("client", "curl", "-sm3", "203.0.113.10").stdout == "hello\n")
    return status


def _same(before: dict[str, object]) -> None:
    now = snapshot()
    assert {k: now[k] for k in now if now[k] != before[k]} == {
        k: before[k] for k in now if now[k] != before[k]
    }


@pytest.mark.parametrize("victim", ["nobody", "owner", "pid1", "launcher", "owner and janitor"])
def test_the_host_is_as_before(call: Call, tmp_path: Path, victim: str) -> None:
    before = snapshot()
    status = _up(call, tmp_path)
    state, owner = Path(status["state"]), int(status["owner_pid"])
    ours, everybody = groups(state), family(owner)
    assert all(group.is_dir() for group in ours)
    _same(before)
    if victim == "nobody":
        assert call("down").returncode == 0
    elif victim == "owner and janitor":
        janitor = next(pid for pid, _ in everybody if parent(pid) == owner and not _leads(pid, status["pid"]))
        os.kill(janitor, signal.SIGKILL)
        os.kill(owner, signal.SIGKILL)
    else:
        pids = {"owner": owner, "pid1": status["pid"], "launcher": parent(status["pid"])}
        os.kill(pids[victim], signal.SIGKILL)
    wait_for("everybody to be gone", lambda: not alive(everybody), 5)
    if victim == "owner and janitor" and ours:
        assert any(group.exists() for group in ours)  # nobody is left who could remove them
        assert "removed" in call("down").stdout
    wait_for("the control groups to be gone", lambda: not any(group.exists() for group in ours), 5)
    _same(before)
    assert call("down").returncode == 0
    assert not state.exists()


def _leads(pid: int, first: int) -> bool:
    """Whether `pid` is the launcher of the lab whose pid 1 is `first`."""
    return parent(first) == pid


@needs_groups
def test_a_lab_without_an_engine_has_no_control_groups(call: Call, small: Path) -> None:
    assert call("up", "--topology", small).returncode == 0
    status = json.loads(call("status", "--json").stdout)
    assert groups(Path(status["state"])) == []


def test_two_labs_have_an_engine_each(
    call: Call, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    status = _up(call, tmp_path)
    file = dockers.topology(tmp_path_factory.mktemp("t"))
    other = Owned("--topology", str(file), state=tmp_path_factory.mktemp("o"))
    dockers.begin(other.lab, "server")
    assert dockers.docker(other.lab, "server", "ps", "-q").stdout == ""
    assert len(dockers.docker(Lab(status["socket"]), "server", "ps", "-q").stdout.split()) == 1
    other.end()
    assert (
        dockers.docker(Lab(status["socket"]), "server", "exec", "web", "cat", "/tmp/index.html").stdout
        == "hello\n"
    )


@needs_groups
def test_where_no_overlay_can_lie_on_the_disk_images_are_in_memory(tmp_path: Path) -> None:
    """In a container, say, where the state folder itself is an overlay."""
    script = (
        'set -e; mkdir -p "$1"; mount -t tmpfs none "$1"; cd "$1"; mkdir lower upper work state\n'
        'mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work state; export HOMELAB_STATE="$1/state"\n'
        'cd "$CHECKOUT"; shift; "$@" up --topology "$TOPOLOGY"\n'
        '"$@" exec server -- sh -c "sudo service docker start && docker info -f \'{{.Driver}}\'; findmnt -no FSTYPE /var/lib/docker"\n'
        '"$@" down'
    )
    env = {**os.environ, "CHECKOUT": str(CHECKOUT), "TOPOLOGY": str(dockers.topology(tmp_path))}
    env.pop("HOMELAB_LAB", None)
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path / "m"), *LAB]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done
    assert "overlay2\ntmpfs\n" in done.stdout
