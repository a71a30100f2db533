"""The engine of the machine that we run on, where it cannot be reached; and what is typed to install and start one."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import pytest
import requests

from homelab.engine import engine, translated
from homelab.errors import CommandFailed, EngineError
from homelab.local_machine import LocalMachine
from homelab.machine import Pending, Result
from homelab.person import Reader
from homelab.resources import client, container
from homelab.resources import engine as docker


class Here(LocalMachine):
    """This machine with certain words for what it is asked."""

    def __init__(self, **said: str) -> None:
        super().__init__("tequila", Reader(), Pending())
        self.said = said

    def run(self, argv, **more):
        text = " ".join(argv)
        out = next((words for part, words in self.said.items() if part in text), "")
        return Result(tuple(argv), 0, out, "", 0.0, self.name)


def refusal(machine: Here) -> EngineError:
    with pytest.raises(EngineError) as error:
        engine(machine)
    return error.value


@pytest.mark.parametrize(
    ("programs", "kind"), [("", "absent"), ("client\n", "absent"), ("engine\nclient\n", "stopped")]
)
def test_nobody_listens(programs: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "d.sock"))
    for name in ("d.sock", "none.sock"):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/{name}")
        error = refusal(Here(dockerd=programs))
        assert (error.kind, error.where) == (kind, "tequila")
        assert error.hint


@pytest.mark.parametrize(
    ("groups", "hint"), [("me sudo", "usermod -aG docker"), ("me docker", "since this login")]
)
def test_the_socket_is_not_this_users(
    groups: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(*args: object, **kwargs: object) -> None:
        raise requests.exceptions.ConnectionError("aborted") from PermissionError(13, "Permission denied")

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    monkeypatch.setattr(requests.Session, "send", send)
    error = refusal(Here(id=groups))
    assert error.kind == "forbidden"
    assert hint in error.hint
    assert "log out and in again" in error.hint


def test_an_engine_that_goes_away_or_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    for what in (requests.exceptions.ReadTimeout("slow"), requests.exceptions.ConnectionError("reset")):

        def send(*args: object, raised: Exception = what, **kwargs: object) -> None:
            raise raised

        monkeypatch.setattr(requests.Session, "send", send)
        assert refusal(Here()).kind == "lost"


def test_an_error_of_ours_stays_what_it_is() -> None:
    with pytest.raises(EngineError, match="ours") as error, translated(Here()):
        raise EngineError("port", "ours")
    assert error.value.kind == "port"


NONE = docker.State(False, False, False, distribution="ubuntu")
ALL = docker.State(True, True, True)


def test_what_is_typed_is_what_is_missing() -> None:
    lines = docker.command(NONE, ALL)[2].splitlines()
    assert "https://download.docker.com/linux/ubuntu" in "\n".join(lines)
    assert lines[-3].startswith("sudo apt-get install -y docker-ce docker-ce-cli containerd.io")
    assert lines[-2:] == ['sudo usermod -aG docker "$USER"', "sudo service docker start"]
    fedora = dataclasses.replace(NONE, distribution="fedora", systemd=True)
    assert docker.command(fedora, ALL)[2].splitlines() == [
        "curl -fsSL https://get.docker.com | sudo sh",
        'sudo usermod -aG docker "$USER"',
        "sudo systemctl start docker",
    ]
    stopped = dataclasses.replace(ALL, running=False)
    assert docker.command(stopped, ALL)[2] == "sudo service docker start"
    assert docker.command(ALL, stopped)[2] == "sudo service docker stop"


def test_the_way_back_is_the_other_way_round() -> None:
    lines = docker.command(ALL, NONE)[2].splitlines()
    assert [line.split()[1] for line in lines] == ["service", "gpasswd", "apt-get"]


def test_volumes_are_equal_in_any_order_and_keep_the_one_they_were_typed_in() -> None:
    one, other = (container.State("a", "b", volumes=v) for v in (("x:/x", "a:/a"), ("a:/a", "x:/x")))
    assert one == other
    assert (one.volumes != other.volumes) is False, "what differs is shown by it"
    assert container.command(container.State("a"), one) != container.command(container.State("a"), other)
    assert one != container.State("a", "b", volumes=("x:/x",))


@pytest.mark.parametrize("resource", [docker, client])
def test_an_installer_that_nothing_came_through_is_said_so(resource) -> None:
    """`curl … | sh` ends well without a network."""

    class Offline(Here):
        def run(self, argv, **more):
            err = "curl: (6) Could not resolve host: tailscale.com\n" if "curl" in argv[-1] else ""
            return Result(tuple(argv), int("command -v" in argv[-1]), "", err, 0.0, self.name)

    before, after = (docker.State(False, False, False, distribution="arch"), ALL)
    if resource is client:
        before, after = client.State(False), client.State(True)
    with pytest.raises(CommandFailed) as caught:
        resource.do(Offline(), before, after)
    assert "ended well, and installed nothing: curl: (6) Could not resolve host" in caught.value.what
    assert "status 0" not in caught.value.what
    assert "DNS" in caught.value.hint
