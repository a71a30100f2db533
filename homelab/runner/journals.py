"""What this user can take back: the journals of all homes, and of the labs that are up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from homelab import history, home_lock, labsocket
from homelab.errors import LabError
from homelab.journal import Journal
from homelab.plan import way_back


@dataclass(frozen=True)
class Book:
    """The journal of a world; `socket` is a lab's."""

    world: str
    journal: Journal
    socket: str = ""


@dataclass(frozen=True)
class Undoable:
    """A run, or a session, of which something stands: when it last changed something, its stages, how many changes."""

    run: str
    at: float
    book: Book
    stages: tuple[str, ...]
    changes: int

    def line(self) -> str:
        """For the list."""
        when = datetime.fromtimestamp(self.at).astimezone().isoformat(" ", "minutes")
        count = f"{self.changes} change{'s' * (self.changes != 1)}"
        return f"{self.run:<36} {when}  {self.book.world:<10} {count:>11}  {', '.join(self.stages)}"


def books() -> Iterator[Book]:
    """Every journal that can be found."""
    for path in sorted(home_lock.state_folder().glob("*.jsonl")):
        yield Book(path.stem, Journal(path))
    for socket in _sockets():
        try:
            state = labsocket.request(str(socket), op="status")["state"]
        except (LabError, OSError):
            continue  # it is gone, and all that was changed in it
        yield Book("lab", Journal(Path(state) / "journal.jsonl"), str(socket))


def _sockets() -> list[Path]:
    """Where labs of this user may answer: the named one, the kept ones, and those that somebody's JupyterLab started."""
    root = os.environ.get("HOMELAB_STATE") or home_lock.state_folder().parent
    named = os.environ.get("HOMELAB_LAB", "")
    found = [*([Path(named)] if named else []), *sorted(Path(root).glob("*/lab.sock"))]
    return list(dict.fromkeys(path.resolve() for path in found))


def undoable() -> list[Undoable]:
    """What stands of each run and session, the newest first.

    Raises:
        HomelabError: a journal was written by a newer version.
    """
    found = []
    for book in books():
        entries = book.journal.entries()
        for run in dict.fromkeys(entry.run for entry in entries if entry.run):
            own = [entry for entry in entries if entry.run == run]
            stages = tuple(dict.fromkeys(entry.stage for entry in own if entry.stage != "undo"))
            if count := len(way_back(run, history.standing(entries, run))):  # without what has no way back
                found.append(Undoable(run, own[-1].at, book, stages, count))
    return sorted(found, key=lambda one: one.at, reverse=True)


def of(run: str) -> Book | None:
    """The journal that has `run`."""
    return next((book for book in books() if book.journal.knows(run)), None)
