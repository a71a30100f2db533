"""Wait for a condition, and say well what did not come true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from homelab.errors import WaitTimeout

Seen = TypeVar("Seen")


def until(
    look: Callable[[], Seen],
    holds: Callable[[Seen], bool],
    waited_for: str,
    seconds: float = 10.0,
    *,
    hint: str = "",
    where: str = "",
    every: float = 0.05,
) -> Seen:
    """Call `look` until `holds` says yes, and return what was seen.

    `seconds` bounds the wait, `every` is the pause between looks (s).

    Raises:
        WaitTimeout: with what was waited for, how long, and what was seen last.
    """
    start = time.monotonic()
    while True:
        seen = look()
        if holds(seen):
            return seen
        spent = time.monotonic() - start
        if spent >= seconds:
            raise WaitTimeout(waited_for, spent, repr(seen), hint, where)
        time.sleep(min(every, max(0.0, seconds - spent)))
