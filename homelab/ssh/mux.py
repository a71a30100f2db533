"""OpenSSH's own protocol to a connection that is there: sessions and forwardings without a process for each.

To start ``ssh`` for every command costs more than the command. Messages are those of
https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.mux, version 4 (OpenSSH 5.4, of 2010, and later).
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress

HELLO, VERSION = 0x00000001, 4
NEW_SESSION, ALIVE_CHECK, TERMINATE = 0x10000002, 0x10000004, 0x10000005
OPEN_FORWARD, NEW_STDIO_FORWARD = 0x10000006, 0x10000008
OK, DENIED, FAILURE, EXIT, ALIVE, OPENED = (0x80000000 + n for n in (1, 2, 3, 4, 5, 6))
LOCAL, UNIX = 1, 0xFFFFFFFE  # a forwarding's type; the port that says that the host is a path
NO_ESCAPE = 0xFFFFFFFF
PATIENCE = 5.0  # seconds for the process beside us to answer


class Gone(Exception):
    """There is no connection behind the socket, or no longer."""


class Refused(Exception):
    """The other side did not open the session or the forwarding; says why."""


class Control:
    """A client of the control socket at `path`.

    Raises:
        Gone: nobody listens there.
    """

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._read = b""
        self._greeted = False
        try:
            self.socket.connect(path)
            self.send(HELLO, VERSION)
        except OSError as error:
            self.socket.close()
            raise Gone(str(error)) from error

    def send(self, *fields: int | str | bytes, fds: Sequence[int] = ()) -> None:
        """One message, and the file descriptors that it announces.

        Raises:
            Gone: the connection ended.
        """
        body = b""
        for field in fields:
            if isinstance(field, int):
                body += struct.pack(">I", field)
            else:
                text = field.encode() if isinstance(field, str) else field
                body += struct.pack(">I", len(text)) + text
        try:
            self.socket.sendall(struct.pack(">I", len(body)) + body)
            for fd in fds:
                socket.send_fds(self.socket, [b"\0"], [fd])
        except OSError as error:
            raise Gone(str(error)) from error

    def receive(self) -> list[tuple[int, bytes]]:
        """The messages that have come, waiting for more bytes at most as long as the socket does.

        Raises:
            Gone: the connection ended.
        """
        try:
            new = self.socket.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone(str(error)) from error
        if not new:
            raise Gone("the ssh process has ended")
        self._read += new
        found = []
        while len(self._read) >= 4 and len(self._read) >= 4 + (
            size := struct.unpack(">I", self._read[:4])[0]
        ):
            kind, body = struct.unpack(">I", self._read[4:8])[0], self._read[8 : 4 + size]
            self._read = self._read[4 + size :]
            if kind != HELLO:
                found.append((kind, body))
            elif (version := number(body)) != VERSION:
                raise Gone(f"the ssh process speaks version {version} of its protocol, not {VERSION}")
        return found

    def answer(self, timeout: float) -> tuple[int, bytes]:
        """The next message, within about `timeout` seconds.

        Raises:
            Gone: the connection ended.
            TimeoutError: no answer in time.
        """
        self.socket.settimeout(timeout)
        while not (found := self.receive()):
            pass
        return found[0]

    def fileno(self) -> int:
        """For `select`."""
        return self.socket.fileno()

    def close(self) -> None:
        """Leave; what runs in a session of this client ends."""
        self.socket.close()


class Session:
    """A command on the other side, from the moment that it is asked for: its pipes, and its end on `control`."""

    def __init__(self, path: str, command: str) -> None:
        """Ask for `command`; does not wait for an answer.

        Raises:
            Gone: there is no connection.
        """
        self.control = Control(path)
        pipes = [os.pipe() for _ in range(3)]
        given = [pipes[0][0], pipes[1][1], pipes[2][1]]
        self.stdin, self.out, self.err = pipes[0][1], pipes[1][0], pipes[2][0]
        try:
            self.control.send(NEW_SESSION, 0, "", 0, 0, 0, 0, NO_ESCAPE, "", command, fds=given)
        except Gone:
            self.close()
            raise
        finally:
            for fd in given:
                os.close(fd)

    def close_stdin(self) -> None:
        """Nothing more is fed."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def close(self) -> None:
        """Let go of it; may be called twice."""
        self.close_stdin()
        for fd in (self.out, self.err):
            if fd >= 0:
                os.close(fd)
        self.out = self.err = -1
        self.control.close()


def forward(path: str, host: str, port: int, timeout: float) -> socket.socket:
    """A connection from the other side to TCP `port` of `host`, which may be a name that is known there.

    Raises:
        Gone: there is no connection.
        TimeoutError: no answer within `timeout` seconds.
        Refused: nobody accepts there.
    """
    control = Control(path)
    ours, given = socket.socketpair()
    try:
        control.send(NEW_STDIO_FORWARD, 0, "", host, port, fds=[given.fileno(), given.fileno()])
        kind, body = control.answer(timeout)
        if kind != OPENED:
            raise Refused(reason(body))
    except BaseException:
        ours.close()
        control.close()
        raise
    finally:
        given.close()
    _keep(control)
    return ours


def _keep(control: Control) -> None:
    """A forwarding lasts as long as its control: one that has ended is let go of when the next one comes.

    The socket itself cannot carry it: TLS would take the descriptor out of it, and leave the rest to be collected.
    """
    with _lock:
        ended, _, _ = select.select(_kept, [], [], 0)
        for old in ended:  # all that can still come is the end
            _kept.remove(old)
            old.close()
        _kept.append(control)


_kept: list[Control] = []
_lock = threading.Lock()


def forward_unix(path: str, here: str, there: str) -> None:
    """Let who connects to the socket `here` reach the other side's socket `there`, as long as the connection lasts.

    Raises:
        Gone: there is no connection.
        Refused: the socket cannot be made here.
    """
    control = Control(path)
    try:
        control.send(OPEN_FORWARD, 0, LOCAL, here, UNIX, there, UNIX)
        kind, body = control.answer(PATIENCE)
        if kind != OK:
            raise Refused(reason(body))
    finally:
        control.close()


def is_alive(path: str) -> bool:
    """Whether a connection answers behind the socket at `path`."""
    with suppress(Gone, TimeoutError):
        control = Control(path)
        try:
            control.send(ALIVE_CHECK, 0)
            return control.answer(PATIENCE)[0] == ALIVE
        finally:
            control.close()
    return False


def end(path: str) -> None:
    """End the connection behind the socket at `path`, if there is one."""
    with suppress(Gone, TimeoutError):
        control = Control(path)
        try:
            control.send(TERMINATE, 0)
            while True:  # until it hangs up
                control.answer(PATIENCE)
        finally:
            control.close()


def number(body: bytes, place: int = 0) -> int:
    """The number at `place` (0, 1, …) of a message's body."""
    found: int = struct.unpack_from(">I", body, 4 * place)[0]
    return found


def reason(body: bytes) -> str:
    """The text after the request's number: why something was refused."""
    return body[8 : 8 + number(body, 1)].decode(errors="replace")
