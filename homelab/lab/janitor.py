"""Removes a lab's control groups when its owner cannot: a process outside of everything that dies with the lab."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

from . import cgroups


def stand_by(launcher: int, groups: cgroups.Groups) -> None:
    """Remove `groups` when the process `launcher`, a child of ours, has ended, whatever becomes of us."""
    handle = os.pidfd_open(launcher)
    if os.fork():
        os.close(handle)
        return
    try:
        _wait(handle)
        cgroups.remove(groups)
    finally:
        os._exit(0)


def _wait(handle: int) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the lab, whose end is what we wait for
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    for entry in [int(e.name) for e in Path("/proc/self/fd").iterdir()]:
        if entry > 2 and entry != handle:
            try:
                os.close(entry)  # the lease, the lock: whoever holds them keeps the lab
            except OSError:  # the one that this folder was read by
                continue
    watched = select.poll()
    watched.register(handle, select.POLLIN)
    watched.poll()
