"""One command over SSH, where what the other side says comes late, in pieces, or not at all."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from homelab.ssh import mux, remote
from homelab.ssh.machine import _Talk

BEGUN = f"{remote.MARK} 4711\n"


class Other:
    """The other side of a session: what it writes, and how the ssh process beside us ends it."""

    def __init__(self) -> None:
        fed, stdin = os.pipe()
        out, self.out = os.pipe()
        err, self.err = os.pipe()
        self.beside, ours = socket.socketpair()
        control = mux.Control.__new__(mux.Control)
        control.socket, control._read, control._greeted = ours, b"", True
        self.session = SimpleNamespace(
            stdin=stdin, out=out, err=err, control=control, close_stdin=lambda: None
        )
        self.fds = [fed, stdin, out, err]

    def says(self, out: str = "", err: str = "") -> None:
        os.write(self.out, f"{remote.MARK}\n{out}".encode())
        os.write(self.err, err.encode())

    def ends(self, rc: int | None) -> None:
        if rc is not None:
            self.beside.sendall(struct.pack(">IIII", 12, mux.EXIT, 0, rc))
        self.beside.close()
        os.close(self.out)
        os.close(self.err)


@pytest.fixture
def other() -> Iterator[Other]:
    made = Other()
    yield made
    made.session.control.close()
    for fd in made.fds:
        os.close(fd)


def heard(other: Other, watch=None) -> tuple[int, str, str]:
    talk = _Talk(other.session, watch)
    rc = talk.hold(b"true\n", "", time.monotonic() + 20)
    return rc, talk.out.text, talk.err.text


def test_a_status_that_the_server_lost_is_the_one_that_the_shell_has_said(other: Other) -> None:
    other.says("out\n", f"{BEGUN}half a line{remote.MARK}=3\n")
    other.ends(None)
    assert heard(other) == (3, "out\n", "half a line")


def test_the_servers_status_counts_and_the_shells_is_not_shown(other: Other) -> None:
    other.says("out\n", f"{BEGUN}err\n{remote.MARK}=3\n")
    other.ends(3)
    assert heard(other) == (3, "out\n", "err\n")


def test_what_ends_without_any_status_was_killed(other: Other) -> None:
    other.says("out\n", f"{BEGUN}0\n")
    other.ends(None)
    with pytest.raises(mux.Gone):
        heard(other)


def test_the_number_of_what_is_to_be_ended_may_come_after_its_words(other: Other) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    other.says("begun\n")
    talk = _Talk(other.session, interrupt)
    with pytest.raises(KeyboardInterrupt):
        talk.hold(b"true\n", "", time.monotonic() + 20)
    assert talk.pid is None
    late = threading.Timer(0.1, os.write, (other.err, f"{BEGUN}more\n".encode()))
    late.start()
    assert talk.begun(20) == 4711
    late.join()
    other.ends(None)
