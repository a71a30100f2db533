"""Repetitions of one piece of work: a warm-up that does not count, then every time that it took."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Made = TypeVar("Made")
CALM = 0.95  # share of the wanted processor time below which a machine was busy with something else


@dataclass(frozen=True)
class Times:
    """Seconds of each repetition, and how much of the processor it got (1.0: all of the threads it wanted).

    `load` is the machine's load average when they began, where the system tells it.
    """

    seconds: tuple[float, ...]
    shares: tuple[float, ...] = ()
    load: float = 0.0

    @property
    def mean(self) -> float:
        """Seconds."""
        return statistics.fmean(self.seconds)

    @property
    def sd(self) -> float:
        """The sample's standard deviation (s); 0 of a single repetition."""
        return statistics.stdev(self.seconds) if len(self.seconds) > 1 else 0.0

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def disturbed(self) -> bool:
        """Whether some repetition got less of the processor than it wanted: its time is not the work's own."""
        return any(share < CALM for share in self.shares)

    def __str__(self) -> str:
        noise = f"; the machine was busy with other things (load {self.load:.1f})" if self.disturbed else ""
        return f"{self.mean:.3f} ± {self.sd:.3f} s, median {self.median:.3f} s of {len(self.seconds)}{noise}"


def repeated(
    work: Callable[[], Made], repetitions: int, *, threads: int = 0, warm_up: bool = True
) -> tuple[Times, Made]:
    """Do `work` once for nothing, then `repetitions` times; the times, and what the last one made.

    `threads` is how many processors the work keeps busy in this process, so that a disturbance shows; 0: the
    work is done elsewhere.

    Raises:
        ValueError: no repetition is wanted.
    """
    if repetitions < 1:
        raise ValueError(f"{repetitions} repetitions are no measurement: at least 1")
    if warm_up:
        work()
    load = os.getloadavg()[0]
    seconds, shares = [], []
    for _ in range(repetitions):
        clock, busy = time.perf_counter(), time.process_time()
        made = work()
        spent = time.perf_counter() - clock
        seconds.append(spent)
        if threads:
            shares.append((time.process_time() - busy) / spent / threads if spent > 0 else 0.0)
    return Times(tuple(seconds), tuple(shares), load), made
