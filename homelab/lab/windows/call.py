"""One call of a Windows program."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NOT_PLAYED = 99  # our own exit status


class Unplayed(Exception):
    """A command line that a stand-in does not know: what it knows."""


@dataclass(frozen=True)
class Call:
    """Who calls what. `fds` are its standard streams; without them it runs in a window that nobody sees."""

    program: str
    argv: Sequence[str]
    fds: Sequence[int] = ()
    cwd: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    side: str = "windows"  # or `wsl`: called from the distribution
    elevated: bool = False
    connection: socket.socket | None = None  # its end is the caller's end
    started: threading.Event = field(default_factory=threading.Event)  # set when the distribution runs it

    def out(self, text: str, encoding: str = "utf-8") -> None:
        """Print `text` as Windows ends lines."""
        self._write(1, text, encoding)

    def err(self, text: str, encoding: str = "utf-8") -> None:
        """Print `text` to standard error."""
        self._write(2, text, encoding)

    def _write(self, number: int, text: str, encoding: str) -> None:
        if not self.fds:
            return
        data = (text + "\n").replace("\n", "\r\n").encode(encoding, errors="replace")
        with contextlib.suppress(OSError):  # whoever called reads no more
            while data:
                data = data[os.write(self.fds[number], data) :]


def plain(path_or_name: str) -> str:
    """A program's name, however it was called: ``C:\\Windows\\System32\\WSL.EXE`` is ``wsl.exe``."""
    name = path_or_name.strip('"').replace("/", "\\").rpartition("\\")[2].lower()
    return name if name.endswith(".exe") else f"{name}.exe"
