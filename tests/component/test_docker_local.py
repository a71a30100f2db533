"""The engine of the machine that we run on, found as the docker command finds it; here it is the lab's, behind a relay."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from homelab.engine import engine, forget
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.resources import container, image


@pytest.fixture(scope="module")
def address(tequila, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A unix socket of this machine that leads to the engine."""
    path = tmp_path_factory.mktemp("d") / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=_accept, args=(listener, tequila), daemon=True).start()
        yield f"unix://{path}"


def _accept(listener: socket.socket, machine) -> None:
    with suppress(OSError):
        while True:
            ours, _ = listener.accept()
            theirs = machine.unix("/run/docker.sock")
            for source, target in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def here() -> Iterator[LocalMachine]:
    machine = LocalMachine("tequila", Reader(), Pending())
    yield machine
    forget(machine)


def test_by_the_environment(tequila, here, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    assert engine(here).info()["Name"] == "tequila"
    image.do(here, image.read(here, "busybox"), image.wanted("busybox"))
    none = container.State("here")
    wanted = container.State("here", "busybox", True, ports=("8099:80",), args=("sleep", "600"))
    container.do(here, none, wanted)
    assert container.read(tequila, "here") == container.read(here, "here") == wanted
    container.do(here, wanted, none)
    assert container.read(tequila, "here") == none


def test_by_a_context(here, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``docker context use`` leaves it, which is how Docker Desktop is found."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    folder = tmp_path / "contexts" / "meta" / hashlib.sha256(b"flat").hexdigest()
    folder.mkdir(parents=True)
    endpoints = {"docker": {"Host": address, "SkipTLSVerify": False}}
    (folder / "meta.json").write_text(json.dumps({"Name": "flat", "Metadata": {}, "Endpoints": endpoints}))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "flat"}))
    assert engine(here).info()["Name"] == "tequila"
