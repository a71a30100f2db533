"""Repetitions of one piece of work, by the method of `homelab.llm.measure`: a warm-up that does not count, then
every time that it took. What was disturbed is flagged and repeated; where it stays so, the number says it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from homelab.llm import host_load
from homelab.llm.result import Number, number

Made = TypeVar("Made")
SHORT = 0.1  # seconds: processor time is counted in ticks, and tells nothing of less
Snapshot = Callable[[float | None], host_load.Snapshot]


@dataclass(frozen=True)
class Repetition:
    """One time: `seconds`, the `share` that the work got of its threads' time (None: it is done elsewhere),
    the machine's `load` average, and what `disturbed` it.
    """

    seconds: float
    share: float | None = None
    load: float = 0.0
    disturbed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Times:
    """The repetitions, of which `wanted` were to be quiet."""

    repetitions: tuple[Repetition, ...]
    wanted: int

    @property
    def quiet(self) -> tuple[Repetition, ...]:
        """Those that nothing disturbed."""
        return tuple(r for r in self.repetitions if not r.disturbed)

    @property
    def seconds(self) -> Number:
        """Mean and spread (s) of the quiet ones; where there are too few, of all, and then it says so (~)."""
        taken = self.quiet if len(self.quiet) >= self.wanted else self.repetitions
        found = number([r.seconds for r in taken], sum(bool(r.disturbed) for r in taken))
        assert found  # there is one repetition at least
        return found

    @property
    def mark(self) -> str:
        """``~`` before what is computed from a disturbed number."""
        return "~" if self.seconds.disturbed else ""

    def notes(self) -> list[str]:
        """What a reader must know before the number: what was disturbed, and by what."""
        bad = [r for r in self.repetitions if r.disturbed]
        if not bad:
            return []
        why = "; ".join(dict.fromkeys(reason for r in bad for reason in r.disturbed))
        kept = (
            "they are left out" if len(self.quiet) >= self.wanted else "too few quiet ones, so they count (~)"
        )
        return [f"{len(bad)} of {len(self.repetitions)} repetitions were disturbed ({why}): {kept}."]

    def __str__(self) -> str:
        n = self.seconds
        return f"{n} s (median {self.mark}{n.median:.2f} of {n.count})"

    def data(self) -> list[dict[str, Any]]:
        """Plain data of every repetition, for a record."""
        return [dataclasses.asdict(r) | {"disturbed": list(r.disturbed)} for r in self.repetitions]


def repeated(
    work: Callable[[], Made],
    repetitions: int,
    *,
    threads: int = 0,
    retries: int = 2,
    warm_up: bool = True,
    snapshot: Snapshot = host_load.snapshot,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Times, Made]:
    """Do `work` once for nothing, then until `repetitions` were quiet, at most `retries` more; and what it made last.

    `threads` is how many processors the work keeps busy in this process; 0: it is done elsewhere, and only what
    takes processors away from everybody is noticed.

    Raises:
        ValueError: no repetition is wanted.
    """
    if repetitions < 1:
        raise ValueError(f"{repetitions} repetitions are no measurement: at least 1")
    if warm_up:
        work()
    done: list[Repetition] = []
    while len(done) < repetitions + retries and sum(not r.disturbed for r in done) < repetitions:
        before, start = _now(snapshot, threads), clock()
        made = work()
        done.append(_repetition(clock() - start, before, _now(snapshot, threads), threads))
    return Times(tuple(done), repetitions), made


def _repetition(
    seconds: float, before: host_load.Snapshot, after: host_load.Snapshot, threads: int
) -> Repetition:
    """What happened in between. A low share alone is no disturbance: not all of such work runs on all threads."""
    there = host_load.between(before, after, 0)
    reasons = list(there.reasons)
    if seconds <= 0:
        reasons.append("the clock went backwards")
    processors = os.cpu_count() or 1
    if threads and seconds > SHORT and there.others > max(host_load.OTHERS, processors - threads):
        reasons.append("others kept the processors busy")
    used = None if before.engine is None or after.engine is None else after.engine - before.engine
    share = used / (seconds * threads) if used is not None and seconds > SHORT else None
    return Repetition(seconds, share, there.load, tuple(reasons))


def _now(snapshot: Snapshot, threads: int) -> host_load.Snapshot:
    """The machine now; the work runs in this process, so what we take is what the engine takes."""
    seen = snapshot(time.process_time() if threads else None)
    return dataclasses.replace(seen, ours=0.0) if threads else seen
