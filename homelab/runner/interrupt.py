"""Ctrl-C, a terminal that closes, and a polite kill: one interruption, then time to put things in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Somebody wants us to stop."""


@contextmanager
def interruptible() -> Iterator[None]:
    """The first of `SIGNALS` raises `Interrupted`; later ones do not disturb the putting in order."""
    came = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if not came:
            came = True
            raise Interrupted(signal.Signals(number).name)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
