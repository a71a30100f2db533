"""A command in a machine, seen from a terminal: `exec` and `shell`."""

from __future__ import annotations

import os
import select
import signal
import termios
import tty
from pathlib import Path

from homelab.labsocket import ask

PASSED_ON = ("TERM", "COLORTERM", "LINES", "COLUMNS")


def run(socket: Path, machine: str, argv: list[str]) -> int:
    """Run `argv` in `machine` on our own standard streams; its status. In a terminal it gets one.

    Raises:
        LabRefused: there is no lab, or no such machine.
        LabError: the lab went away.
    """
    if os.isatty(0) and os.isatty(1):
        return in_terminal(socket, machine, argv)
    with ask(socket, _request(machine, argv), (0, 1, 2)) as connection:
        connection.answer()
        return int(connection.answer()["rc"])


def shell(socket: Path, machine: str) -> int:
    """A shell in `machine`; its status. Where nobody types, it reads its commands from standard input.

    Raises:
        LabRefused: there is no lab, or no such machine.
        LabError: the lab went away.
    """
    if os.isatty(0):
        return in_terminal(socket, machine, ["bash", "-i"])
    return run(socket, machine, ["bash"])


def in_terminal(socket: Path, machine: str, argv: list[str]) -> int:
    """Run `argv` in `machine` in a terminal of the machine's own that we show; its status.

    Raises:
        LabRefused: there is no lab, or no such machine.
        LabError: the lab went away.
    """
    with ask(socket, _request(machine, argv) | {"tty": True, "size": _size()}) as connection:
        connection.answer()
        terminal = connection.fds.pop()
        try:
            _show(terminal)
        finally:
            os.close(terminal)  # hangs up on what still runs in it
        return int(connection.answer()["rc"])


def _request(machine: str, argv: list[str]) -> dict[str, object]:
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"op": "run", "machine": machine, "argv": argv, "env": env, "cwd": "/root", "user": "root"}


def _show(terminal: int) -> None:
    """Copy between our terminal and `terminal` until one of them is hung up."""
    before = termios.tcgetattr(0) if os.isatty(0) else None
    sized = signal.signal(signal.SIGWINCH, lambda *_: termios.tcsetwinsize(terminal, _size()))
    if before:
        tty.setraw(0)
    try:
        while True:
            readable, _, _ = select.select([0, terminal], [], [])
            for source, target in ((terminal, 1), (0, terminal)):
                if source in readable:
                    if not (data := _read(source)):
                        return
                    _write_all(target, data)
    finally:
        signal.signal(signal.SIGWINCH, sized)
        if before:
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO: the last process in it, or whoever showed it, is gone
        return b""


def _size() -> tuple[int, int]:
    """Rows and columns of our terminal."""
    return termios.tcgetwinsize(0) if os.isatty(0) else (24, 80)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
