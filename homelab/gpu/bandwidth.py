"""How fast this machine reads its memory: the ceiling of decoding, which reads every weight for each token.

Each thread looks for the largest number of an array of its own: one comparison a number, so that reading is
what takes the time. As in STREAM (https://www.cs.virginia.edu/stream/ref.html) arrays are far larger than caches.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homelab.errors import HomelabError

PIECE = 128 << 20  # bytes that each thread reads
SMALLEST = 1 << 16
CALM = 0.9  # of its threads' time that a measurement got, at least


Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bandwidth:
    """Reading memory, in GB/s (a thousand million bytes): `mean` ± `sd` of `samples`, read by `threads`.

    `share` is how much of its threads' time it got: below `CALM` somebody else was at work, and the number is too low.
    """

    mean: float
    sd: float
    samples: tuple[float, ...]
    threads: int
    share: float
    load: float

    @property
    def disturbed(self) -> bool:
        """Whether somebody else was at work meanwhile."""
        return self.share < CALM

    def used_by(self, bytes_per_token: float, tokens_per_second: float) -> float:
        """The share of this bandwidth that decoding so fast takes, when each token reads so many bytes."""
        return bytes_per_token * tokens_per_second / (self.mean * 1e9)

    def data(self) -> dict[str, Any]:
        """Plain data, for a record."""
        return {**asdict(self), "samples": list(self.samples), "disturbed": self.disturbed}

    def __str__(self) -> str:
        mark, many = "~" if self.disturbed else "", "s" * (self.threads != 1)
        told = f"{mark}{self.mean:.1f} ± {self.sd:.1f} GB/s read by {self.threads} thread{many}"
        if not self.disturbed:
            return told
        return f"{told} (disturbed: it got {self.share:.0%} of its time, load {self.load:.1f}; too low)"


def measure(threads: int = 0, repetitions: int = 5, piece: int = PIECE) -> Bandwidth:
    """Read memory with `threads` threads (0: all cores that we may use), `repetitions` times, and once before to warm up.

    `piece` is what each thread reads (bytes).

    Raises:
        HomelabError: nothing to measure (no repetitions, arrays too small), or a clock that stood still.
    """
    count = threads or len(os.sched_getaffinity(0))
    if repetitions < 1 or piece < SMALLEST or count < 1:
        raise HomelabError(
            "there is nothing to measure", "memory bandwidth", "one repetition and 64 KiB at least"
        )
    arrays = [np.ones(piece // 8, np.int64) for _ in range(count)]
    samples, shares = [], []
    for n in range(repetitions + 1):
        seconds, share = _pass(arrays)
        if seconds <= 0:
            raise HomelabError("the clock stood still", "memory bandwidth", "measure again")
        if n:
            samples.append(sum(array.nbytes for array in arrays) / seconds / 1e9)
            shares.append(share)
    sd = statistics.stdev(samples) if len(samples) > 1 else 0.0
    return Bandwidth(statistics.fmean(samples), sd, tuple(samples), count, min(shares), os.getloadavg()[0])


def _pass(arrays: list[Numbers]) -> tuple[float, float]:
    """Seconds that reading all `arrays` at once takes, and the share of its threads' time that it got."""
    gate = threading.Barrier(len(arrays) + 1)

    def work(array: Numbers) -> None:
        gate.wait()
        array.max()  # lets the other threads of this program run meanwhile
        gate.wait()

    workers = [threading.Thread(target=work, args=(array,), daemon=True) for array in arrays]
    for worker in workers:
        worker.start()
    start, used = time.perf_counter(), time.process_time()
    gate.wait()
    gate.wait()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    for worker in workers:
        worker.join()
    return seconds, min(1.0, used / (seconds * len(arrays))) if seconds > 0 else 0.0
