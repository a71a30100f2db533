"""Processes of a machine that its first process did not start itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path


class Process:
    """A process of the machine as /proc shows it."""

    def __init__(self, pid: int, name: str) -> None:
        self.pid, self.name = pid, name


def all() -> list[Process]:
    """Every process but the first and those in containers, known by its program's file."""
    found, own = [], Path("/proc/1/ns/pid").readlink()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != "1":
            try:
                if (entry / "ns" / "pid").readlink() == own:
                    found.append(Process(int(entry.name), (entry / "exe").readlink().name))
            except OSError:
                continue
    return found


def is_alive(pid: int) -> bool:
    """Whether `pid` runs; one that only waits to be reaped does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def signal(pid: int, number: int) -> None:
    """Signal `pid`, if it is still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait at most `seconds` for `true`; whether it came."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if true():
            return True
        pause.wait(0.01)
    return true()
