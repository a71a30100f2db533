"""``./runbook check`` on Docker: the command alone is no engine, Compose is asked for, adopted files are looked at."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from homelab import params
from homelab.check import Answer
from homelab.engine import CLIENT_ALONE, HAS_ENGINE
from homelab.engine.faults import explain
from homelab.local_machine import LocalMachine
from homelab.machine import Pending, Result
from homelab.person import Reader
from homelab.runner import check_machine, check_services

USUAL = {
    "user": "alice", "root": "yes", "sudo": "/usr/bin/sudo", "system": "Debian", "apt": "/usr/bin/apt-get", "tailscale": "1.90",
    "node": "Running", "docker": "/usr/bin/docker", "engine": "28.1", "compose": "2.30", "there": "engine",
}  # fmt: skip
# As Docker 28 says it where the plugin is not installed.
NO_PLUGIN = "unknown shorthand flag: 'f' in -f\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information\n"


class Told(LocalMachine):
    """This machine, with certain words for the look of the check and for Compose."""

    def __init__(self, compose: tuple[int, str, str] = (0, "web\n", ""), **seen: str) -> None:
        super().__init__("tequila", Reader(), Pending())
        self.compose, self.seen = compose, {**USUAL, **seen}

    def run(self, argv: Sequence[str], **more: Any) -> Result:
        if argv[-1] == check_machine.LOOK:
            out = "".join(f"{name}={word}\n" for name, word in self.seen.items())
            return Result(tuple(argv), 0, out, "", 0.0, self.name)
        if argv[:2] == ["docker", "compose"]:
            return Result(tuple(argv), *self.compose, 0.0, self.name)
        return super().run(argv, **more)


def found(machine: Told, compose: str = "") -> dict[str, Answer]:
    return {
        a.name: a for a in check_machine.machines({"tequila": machine}, "home.yaml", {"tequila": compose})
    }


def test_the_command_alone_is_no_engine() -> None:
    said = found(Told(engine="Cannot connect to the Docker daemon", there=""))
    assert said["docker is there"].evidence == CLIENT_ALONE
    assert "service docker start" not in said["docker is there"].hint
    stopped = found(Told(engine="Cannot connect to the Docker daemon"))["docker is there"]
    assert stopped.hint == "sudo service docker start"


@pytest.mark.parametrize(
    ("who", "there", "status"),
    [
        ("", "engine", "warn"),
        ("04_services", "engine", "fail"),
        ("04_services", "", None),  # the stage installs both
        (check_machine.ADOPTED, "", "fail"),
    ],
)
def test_compose_is_asked_for_also_where_the_engine_does_not_answer(
    who: str, there: str, status: str | None
) -> None:
    machine = Told(engine="Cannot connect to the Docker daemon", there=there)
    machine.seen["compose"] = ""
    answer = found(machine, who).get("Docker Compose is there")
    assert (answer and answer.status) == status
    if answer:
        assert "docker-compose-plugin" in answer.hint


def _world(tmp_path: Path, *files: str, manage: str = "") -> params.World:
    path = tmp_path / "home.yaml"
    path.write_text(f"world: attic\n{manage}services: {{adopt: [{', '.join(files)}]}}\n")
    return params.read(path)


def test_an_adopted_file_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    world = _world(tmp_path, str(file))
    (lacking,) = check_services.adopted(world, Told())
    assert (lacking.status, lacking.evidence) == ("fail", f"{file} cannot be read")
    file.write_text("services: {web: {image: busybox}}\n")
    (good,) = check_services.adopted(world, Told())
    assert (good.status, good.evidence) == ("ok", f"{file}: web")
    (bad,) = check_services.adopted(world, Told(compose=(15, "", "yaml: line 3: did not find")))
    assert bad.status == "fail"
    assert "line 3" in bad.evidence
    (unread,) = check_services.adopted(world, Told(compose=(125, "", NO_PLUGIN)))
    assert unread.status == "skip"


def test_who_needs_compose(tmp_path: Path) -> None:
    assert check_services.composed(_world(tmp_path, "/x/compose.yaml"), "tequila") == {
        "tequila": check_machine.ADOPTED
    }
    assert check_services.composed(_world(tmp_path, manage="manage: [services]\n"), "tequila") == {
        "tequila": "04_services"
    }
    assert not check_services.composed(_world(tmp_path, manage="manage: [jellyfin]\n"), "tequila")


def test_docker_without_compose_is_said_so() -> None:
    for said in (
        NO_PLUGIN,
        "unknown flag: --services\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n",
        "unknown shorthand flag: 'd' in -d\nSee 'docker --help'.\n",
        "docker: 'compose' is not a docker command.\nSee 'docker --help'\n",
        "docker: unknown command: docker compose\n\nRun 'docker --help' for more information\n",
    ):
        error = explain(said, "tequila")
        assert error.kind == "plugin"
        assert "docker-compose-plugin" in error.hint
    assert explain("unknown flag: --nope\n\nUsage:  docker compose up [OPTIONS]").kind != "plugin"
    assert explain("open /srv/a/compose.yaml: no such file or directory").kind == "compose"


@pytest.mark.parametrize("program", ["dockerd", "docker"])
def test_what_counts_as_an_engine(program: str, tmp_path: Path) -> None:
    """Asked of a real shell; `docker` speaks to an engine elsewhere."""
    (tmp_path / program).write_text("#!/bin/sh\necho elsewhere\n")
    (tmp_path / program).chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", HAS_ENGINE], env=env, capture_output=True, text=True, check=True)
    assert "engine" in done.stdout
