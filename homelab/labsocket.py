"""The lab's request socket, as its clients see it: one JSON line a request, descriptors beside it.

A leaf module: the lab's own command line and the library speak through it, so the protocol is
written down once. See `request` for the form of an answer.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from homelab.errors import LabError, LabGone, LabRefused

MAX_FDS = 4
NOTEBOOK = "JPY_SESSION_NAME"  # Jupyter's: the file of the notebook whose kernel we are in
GONE = "The lab is gone: it was taken down, or has ended, and with it what was made in it"
AGAIN = "Kernel → Restart Kernel and Run All Cells"


def gone(path: str | Path) -> LabGone:
    """The error of whom no lab answers at `path`, with what brings one back."""
    if NOTEBOOK in os.environ:
        return LabGone(GONE, "", again())
    return LabGone("no lab answers", str(path), again())


def again() -> str:
    """What brings the lab back: in a terminal, or under the notebook that asks."""
    if NOTEBOOK not in os.environ:
        return "start it: ./runbook lab up"
    stage = Path(os.environ[NOTEBOOK]).stem
    at = f" --at {stage}" if stage[:2].isdigit() and stage[:2] > "00" else ""
    return f"./runbook lab up{at}, in a terminal. Then here: {AGAIN}."


class Connection:
    """One request's connection: read its further answers, or close it to end what it started."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self._sock, self._path, self._buffer = sock, path, b""
        self.fds: list[int] = []

    def send(self, document: dict[str, Any], fds: Sequence[int] = ()) -> None:
        """Send one line, with `fds` beside it.

        Raises:
            LabError: the lab is gone.
        """
        line = json.dumps(document).encode() + b"\n"
        try:
            if fds:
                sent = socket.send_fds(self._sock, [line], list(fds))
                if sent < len(line):  # also sending nothing fails where the answer is out and the line closed
                    self._sock.sendall(line[sent:])
            else:
                self._sock.sendall(line)
        except OSError as error:
            raise LabError(f"the lab went away: {error.strerror}", self._path, again()) from error

    def answer(self) -> dict[str, Any]:
        """The next line; descriptors that came with it are in `fds`.

        Raises:
            LabRefused: the lab began nothing, and says why.
        LabError: what the lab says went wrong, or that it is gone.
        """
        while b"\n" not in self._buffer:
            try:
                data, fds, _, _ = socket.recv_fds(self._sock, 1 << 16, MAX_FDS)
            except TimeoutError:
                raise
            except OSError as error:
                raise LabError(f"the lab went away: {error.strerror}", self._path, again()) from error
            self.fds += fds
            if not data:
                raise LabError("the lab ended while it was asked", self._path, again())
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        document: dict[str, Any] = json.loads(line)
        if problem := document.get("error"):
            kind = LabRefused if problem.get("type") == "LabRefused" else LabError
            raise kind(problem["what"], problem.get("where", ""), problem.get("hint", ""))
        return document

    def settimeout(self, seconds: float | None) -> None:
        """Let `answer` raise `TimeoutError` after `seconds`."""
        self._sock.settimeout(seconds)

    def close(self) -> None:
        """Close it; a command that still runs on it is killed."""
        self._sock.close()


@contextmanager
def ask(path: str | Path, document: dict[str, Any], fds: Sequence[int] = ()) -> Iterator[Connection]:
    """A connection on which `document` has been sent.

    Raises:
        LabGone: no lab answers at `path`.
    """
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise gone(path) from error
    connection = Connection(sock, str(path))
    try:
        connection.send(document, fds)
        yield connection
    finally:
        connection.close()


def request(path: str | Path, **document: Any) -> dict[str, Any]:
    """One request, one answer: ``request(path, op="status")``.

    Raises:
        LabError: no lab answers, or it refuses.
    """
    with ask(path, document) as connection:
        return connection.answer()
