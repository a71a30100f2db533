"""Ending a lab: it forgets everything; only the cache stays."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from homelab.errors import LabError
from homelab.labsocket import request

from . import cgroups, folder, paths

PATIENCE = 10.0
OF_OPEN = """
It was that of ./runbook open, whose notebooks have none now. ./runbook lab up makes one for them, which then stays."""


def down() -> str:
    """End this checkout's lab, whatever version started it, and remove its state; a line about it.

    Raises:
        LabError: it does not end.
    """
    start, place = time.monotonic(), paths.lab_folder()
    if not place.exists():
        return "no lab is up"
    if not folder.is_held(place):
        cgroups.sweep(place / folder.CONFIG)
        folder.remove(place)
        return "no lab is up; what a killed one had left is removed"
    owner, leased = (folder.record(place).get(what) for what in ("owner_pid", "leased"))
    with contextlib.suppress(LabError):
        request(place / "lab.sock", op="stop_lab")
    while place.exists() and folder.is_held(place):
        waited = time.monotonic() - start
        if waited > PATIENCE:
            raise LabError(
                f"the lab did not end within {PATIENCE:.0f} s", str(place), f"kill {owner or 'its owner'}"
            )
        if waited > PATIENCE / 4 and isinstance(owner, int):
            with contextlib.suppress(ProcessLookupError):
                os.kill(owner, signal.SIGTERM)
        time.sleep(0.005)
    folder.remove(place)
    return f"the lab is down after {time.monotonic() - start:.1f} s{OF_OPEN if leased else ''}"
