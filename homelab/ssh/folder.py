"""Where the connections' sockets are: a folder for this user alone, with a short name (a socket's path has 108 bytes).

A run has a process per stage. So that they share one connection per machine, who starts them keeps the folder for
all of them, and ends the connections with it; a process on its own has a folder of its own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homelab.ssh import mux

FOLDER = "HOMELAB_SSH_FOLDER"
LONGEST = 50  # bytes of the place that holds it
_own: list[Path] = []


def folder() -> Path:
    """The folder of whoever started us, else our own, which goes when we end."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    if not _own:
        _own.append(_make())
        atexit.register(close)
    return _own[0]


def close() -> None:
    """End the connections of this process's own folder; a shared one's are ended by who keeps it."""
    while _own:
        _end(_own.pop())


@contextmanager
def shared() -> Iterator[dict[str, str]]:
    """A folder for the processes that get this environment; its connections end with it."""
    made = _make()
    try:
        yield {FOLDER: str(made)}
    finally:
        _end(made)


def _make() -> Path:
    """Where it is short enough: names of ours, and what ssh adds to them while it binds, take 56 bytes."""
    places = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"]
    base = next((p for p in places if p and len(os.fsencode(p)) <= LONGEST and os.access(p, os.W_OK)), None)
    return Path(tempfile.mkdtemp(prefix="hr-ssh-", dir=base))


def _end(made: Path) -> None:
    for path in made.glob("*.sock"):
        mux.end(str(path))
    shutil.rmtree(made, ignore_errors=True)
