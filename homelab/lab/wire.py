"""Messages between a client, the lab's first process and a machine's: one JSON document, with descriptors."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

MOST = 160_000  # bytes of a request; a command line is far below
FDS = 4


class Refused(Exception):
    """A request that cannot be done: what, where, hint; sent to the client as it is."""

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.hint = what, where, hint


class Unfit(Refused):
    """A request for what is not there, or with a value that cannot be: nothing was begun."""


def reply(connection: socket.socket, document: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Answer with one line; a client that left is none of our business."""
    line = json.dumps(document).encode() + b"\n"
    try:
        if fds:
            sent = socket.send_fds(connection, [line], list(fds))
            connection.sendall(line[sent:])
        else:
            connection.sendall(line)
    except OSError:
        return


def refuse(connection: socket.socket, error: BaseException, where: str = "") -> None:
    """Answer with an error that says what, where, and what to do."""
    if isinstance(error, Refused):
        kind = "LabRefused" if isinstance(error, Unfit) else "LabError"
        problem = {"type": kind, "what": error.what, "where": error.where or where, "hint": error.hint}
    elif isinstance(error, OSError):
        named = f"{error.filename}: " if isinstance(error.filename, str) else ""
        problem = {
            "type": "LabError",
            "what": f"{named}{error.strerror or error}",
            "where": where,
            "hint": "",
        }
    else:
        problem = {"type": "LabError", "what": f"{type(error).__name__}: {error}", "where": where, "hint": ""}
    reply(connection, {"error": problem})


def read_request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The one line that a client sends, and the descriptors with it.

    Raises:
        Refused: it is no request.
        EOFError: the client left.
    """
    raw, fds = b"", []
    while b"\n" not in raw:
        data, new, _, _ = socket.recv_fds(connection, 1 << 16, FDS)
        fds += new
        if not data:
            close(fds)
            raise EOFError
        raw += data
        if len(raw) > MOST:
            close(fds)
            raise Refused("the request is too long", hint=f"at most {MOST} bytes")
    try:
        document = json.loads(raw.partition(b"\n")[0])
    except ValueError as error:
        close(fds)
        raise Refused(f"the request is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("op"), str):
        close(fds)
        raise Refused("a request is an object with an `op`")
    return document, fds


def close(fds: Sequence[int]) -> None:
    """Close all of `fds`."""
    for fd in fds:
        os.close(fd)
