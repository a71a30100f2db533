"""Requests that start at a machine of the lab: its names, its routes, the certificates that it trusts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from homelab import web
from homelab.errors import NoAnswer
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.wait import until


def test_https_by_a_name_of_the_labs_internet(world) -> None:
    with web.session(world["visitor"]) as session:
        answer = session.get("https://tailscale.com/install.sh")
    assert answer.status_code == 200
    assert answer.text.startswith("#!/bin/sh")


def test_a_page_of_a_neighbour_and_its_end(world) -> None:
    machine = world["demoserver"]
    serve = "cd /srv && exec python3 -m http.server 8081 >/dev/null 2>&1 </dev/null"
    machine.run(["setsid", "-f", "sh", "-c", serve]).ok()
    session = web.session(machine)
    assert until(lambda: _status(session, "http://127.0.0.1:8081/"), bool, "the page") == 200
    assert session.get("http://127.0.0.1:8081/none").status_code == 404, "an answer is an answer"
    with pytest.raises(NoAnswer) as error:
        web.session(world["visitor"]).get("http://127.0.0.1:8081/")
    assert error.value.where == "visitor"
    assert error.value.what == "nobody answers at 127.0.0.1:8081: Connection refused"
    assert error.value.hint


def _status(session, url: str) -> int:
    try:
        return int(session.get(url).status_code)
    except NoAnswer:
        return 0


def test_an_unknown_name(world) -> None:
    with pytest.raises(NoAnswer, match="not known here") as error:
        web.session(world["visitor"]).get("http://nowhere.example/")
    assert error.value.where == "visitor"


def test_a_certificate_that_nobody_vouches_for(world) -> None:
    session = web.session(world["visitor"])
    session.verify = True  # the public authorities, to whom the lab's is a stranger
    with pytest.raises(NoAnswer, match="its TLS is not trusted"):
        session.get("https://tailscale.com/")


def test_a_connection_for_another_protocol(world) -> None:
    with web.dial(world["visitor"], "tailscale.com", 80) as connection:
        connection.sendall(b"HEAD / HTTP/1.0\r\nHost: tailscale.com\r\n\r\n")
        assert connection.recv(5) == b"HTTP/"
    with pytest.raises(NoAnswer, match="Connection refused"):
        web.dial(world["visitor"], "127.0.0.1", 1)


@contextmanager
def silent() -> Iterator[int]:
    """A port of this machine that accepts, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_the_machine_that_we_run_on() -> None:
    here = LocalMachine("here", Reader(), Pending())
    session = web.session(here)
    with silent() as port, pytest.raises(NoAnswer, match="no answer in time"):
        session.get(f"http://127.0.0.1:{port}/", timeout=0.2)
    with pytest.raises(NoAnswer, match="Connection refused") as error:
        session.get(f"http://127.0.0.1:{port}/")
    assert error.value.hint == "does the service run, and on this port?"
    with pytest.raises(NoAnswer):
        web.dial(here, "127.0.0.1", port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server,), daemon=True).start()
        assert session.get(f"http://127.0.0.1:{server.getsockname()[1]}/").text == "hello"


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
