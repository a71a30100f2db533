"""A command in a machine, seen from a terminal: `exec` and `shell`."""

from __future__ import annotations

import fcntl
import os
import pty
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
        LabError: there is no lab, or no such machine.
    """
    if os.isatty(0) and os.isatty(1):
        return in_terminal(socket, machine, argv)
    with ask(socket, _request(machine, argv), (0, 1, 2)) as connection:
        connection.answer()
        return int(connection.answer()["rc"])


def in_terminal(socket: Path, machine: str, argv: list[str]) -> int:
    """Run `argv` in `machine` in a terminal of its own that we show; its status.

    Raises:
        LabError: there is no lab, or no such machine.
    """
    ours, theirs = pty.openpty()
    _same_size(ours)
    try:
        with ask(socket, _request(machine, argv) | {"tty": True}, (theirs, theirs, theirs)) as connection:
            connection.answer()
            os.close(theirs)
            theirs = -1
            _show(ours)
            return int(connection.answer()["rc"])
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


def _request(machine: str, argv: list[str]) -> dict[str, object]:
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"op": "run", "machine": machine, "argv": argv, "env": env, "cwd": "/root", "user": "root"}


def _show(terminal: int) -> None:
    """Copy between our terminal and `terminal` until that is hung up."""
    before = termios.tcgetattr(0) if os.isatty(0) else None
    sized = signal.signal(signal.SIGWINCH, lambda *_: _same_size(terminal))
    if before:
        tty.setraw(0)
    try:
        watched = [0, terminal]
        while True:
            readable, _, _ = select.select(watched, [], [])
            if terminal in readable:
                try:
                    data = os.read(terminal, 1 << 16)
                except OSError:  # EIO: the last process in it is gone
                    return
                if not data:
                    return
                _write_all(1, data)
            if 0 in readable:
                data = os.read(0, 1 << 16)
                if data:
                    _write_all(terminal, data)
                else:
                    watched.remove(0)
                    _write_all(terminal, b"\x04")
    finally:
        signal.signal(signal.SIGWINCH, sized)
        if before:
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _same_size(terminal: int) -> None:
    if os.isatty(0):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
