"""Stages that only look, executed side by side: none changes what another sees, and most of their time is waiting.

What they tell is told as if one had followed the other: see `homelab.runner.turn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from homelab.runner.engine import Job, execute
from homelab.runner.kernels import GRACE, Kernels

AT_ONCE = 3  # stages; a machine's sshd allows ten sessions in a connection, for all of them together


@contextmanager
def side_by_side(jobs: Sequence[Job], kernels: Kernels) -> Iterator[Callable[[Job], Any]]:
    """Begin with `jobs`; gives what stands for `engine.execute`, to be called for each in order. All ends with it."""
    pool = ThreadPoolExecutor(AT_ONCE, "stage")
    results: dict[str, Future[Any]] = {}

    def stop() -> None:
        pool.shutdown(wait=False, cancel_futures=True)
        if left := [result for result in results.values() if not result.done()]:
            for job in jobs:
                job.stopped = True
            kernels.interrupt()
            if wait(left, GRACE).not_done:
                kernels.kill()
        pool.shutdown()

    def finish(job: Job) -> Any:
        try:
            job.turn.begin()
            wait([results[job.name]])
        except BaseException:  # Ctrl-C, or a disk that is full
            stop()
            raise
        return results[job.name].result()

    try:
        results.update({job.name: pool.submit(execute, job) for job in jobs})
        yield finish
    finally:
        stop()
