"""One line that says what the lab is doing, and for how long."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PAUSE = 0.5  # seconds between two looks of the live line
_running: dict[str, float] = {}  # what is being done, and since when; several may be, beside each other
_shown = False  # whether a thread keeps the live line
_lock = threading.Lock()


def say(text: str) -> None:
    """A line for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show `what` with its running seconds; leave the line with the time it took."""
    global _shown
    start = time.monotonic()
    with _lock:
        _running[what] = start
        if not sys.stderr.isatty():
            say(f"{what} …")
        elif not _shown:
            _shown = True
            threading.Thread(target=_show, daemon=True).start()
    how = "interrupted"
    try:
        yield
        how = "done"
    except Exception:
        how = "failed"
        raise
    finally:
        with _lock:
            _running.pop(what, None)
            begin = "\r\033[K" if sys.stderr.isatty() else ""
            say(f"{begin}{what}: {how} after {time.monotonic() - start:.1f} s")


def _show() -> None:
    """Keep the live line until nothing is being done."""
    global _shown
    pause = threading.Event()
    while True:
        with _lock:
            if not _running:
                _shown = False
                return
            now = time.monotonic()
            steps = "; ".join(f"{what} … {now - since:.0f} s" for what, since in _running.items())
            width = shutil.get_terminal_size().columns - 1  # what wraps cannot be taken back
            print(f"\r\033[K{steps[:width]}", end="", file=sys.stderr, flush=True)
        pause.wait(_PAUSE)
