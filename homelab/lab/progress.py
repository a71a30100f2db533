"""One line that says what the lab is doing, and for how long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """A line for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show `what` with its running seconds; leave the line with the time it took."""
    start, over = time.monotonic(), threading.Event()
    live = sys.stderr.isatty()

    def tick() -> None:
        while not over.wait(0.5):
            print(f"\r{what} … {time.monotonic() - start:.0f} s", end="", file=sys.stderr, flush=True)

    if live:
        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
    else:
        say(f"{what} …")
    how = "interrupted"
    try:
        yield
        how = "done"
    except Exception:
        how = "failed"
        raise
    finally:
        over.set()
        if live:
            ticker.join()
        begin = "\r" if live else ""
        say(f"{begin}{what}: {how} after {time.monotonic() - start:.1f} s")
