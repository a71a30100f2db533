"""Wait for a condition, and say well what did not come true."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from homelab import moment
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
    start, looks = time.monotonic(), 0
    while True:
        with moment.anew():
            seen = look()
        looks += 1
        if holds(seen):
            if looks > 1:
                moment.moved()
            return seen
        spent = time.monotonic() - start
        if spent >= seconds:
            raise WaitTimeout(waited_for, spent, words(seen), hint, where)
        time.sleep(min(every, max(0.0, seconds - spent)))


def words(seen: Any) -> str:
    """What was seen, for a reader: ``approved nothing, offered 10.20.0.0/24``; text stands in quotes.

    Fields that a state does not compare or show (ids) are left out unless they hold several things.
    """
    if isinstance(seen, str):
        return repr(seen)
    if seen is None:
        return "nothing"
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    if dataclasses.is_dataclass(seen) and not isinstance(seen, type) and type(seen).__str__ is object.__str__:
        fields = [
            f for f in dataclasses.fields(seen) if f.compare or isinstance(getattr(seen, f.name), tuple)
        ]
        return ", ".join(f"{f.name.replace('_', ' ')} {_bare(getattr(seen, f.name))}" for f in fields)
    if isinstance(seen, Mapping):
        return ", ".join(f"{key}: {_bare(value)}" for key, value in seen.items()) or "nothing"
    if isinstance(seen, list | tuple | set | frozenset):
        return ", ".join(_bare(item) for item in seen) or "nothing"
    return str(seen)


def _bare(value: Any) -> str:
    return (value or "nothing") if isinstance(value, str) else words(value)
