"""Who is at work on a home: whoever changes it is alone there, and those who only look share it. In a lab the second waits.

Two kinds of files. ``<home>.lock`` is flock'd, shared by lookers and alone by a changer:
the kernel lets go of it when its process ends, however it ends. Beside it every holder keeps a note of who
it is, flock'd as well: a note that nobody holds is of a dead process, and goes.

Source: flock(2). On NFS Linux makes these locks good between hosts too.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from homelab.errors import PrerequisiteMissing

HELD = "HOMELAB_HELD"  # the lock of the home that the run around us changes, for its kernels


class HomeBusy(PrerequisiteMissing):
    """Somebody else is at work on the home; nothing was started."""


@dataclass(frozen=True)
class Holder:
    """Who holds a home: `changes` says whether to change it; `since` is ISO time with its offset."""

    pid: int
    user: str
    host: str
    run: str
    since: str
    changes: bool

    def __str__(self) -> str:
        what = "applies changes" if self.changes else "looks at it"
        run = f"run {self.run} of {self.user}" if self.run else f"{self.user}"
        return f"{run} (process {self.pid} on {self.host}) {what} since {self.since}"


class HomeLock:
    """The lock of one home; `place` is its file, such as ``…/homes/home.lock``."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @contextlib.contextmanager
    def held(self, changes: bool, run: str = "", wait: Callable[[str], None] | None = None) -> Iterator[None]:
        """Hold the home meanwhile: alone where it is to be changed, else together with others who only look.

        With `wait` nobody is refused: it is told who is there, and we begin when they are done.

        Raises:
            HomeBusy: somebody else holds it; who and since when is said.
            PrerequisiteMissing: the folder of the home's state cannot be written.
        """
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            lock = self.place.open("a+")
        except OSError as error:
            raise PrerequisiteMissing(
                f"the lock of this home cannot be kept: {error.strerror}",
                str(self.place),
                "is the disk read-only? XDG_STATE_HOME names another place",
            ) from error
        with lock:
            if not _taken(lock, alone=changes):
                if not wait:
                    raise self._busy(changes)
                wait(self._who())
                fcntl.flock(lock, fcntl.LOCK_EX if changes else fcntl.LOCK_SH)
            self.holders()  # sweeps what dead ones left
            with self._noted(changes, run):
                yield

    def holders(self) -> list[Holder]:
        """Who holds it now, the first first; notes of dead processes are swept."""
        found = []
        for note in self.place.parent.glob(f"{self.place.name}.*"):
            with contextlib.suppress(OSError), note.open("r+") as file:
                if _taken(file, alone=True):
                    note.unlink(missing_ok=True)
                    continue
                with contextlib.suppress(ValueError, TypeError):
                    found.append(Holder(**json.loads(file.read())))
        return sorted(found, key=lambda holder: holder.since)

    @contextlib.contextmanager
    def _noted(self, changes: bool, run: str) -> Iterator[None]:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        me = Holder(os.getpid(), _user(), socket.gethostname(), run, now, changes)
        path = self.place.with_name(f"{self.place.name}.{me.host}-{me.pid}-{id(me):x}")
        new = path.with_name(f".{path.name}")
        with new.open("w") as note:
            fcntl.flock(note, fcntl.LOCK_EX)
            note.write(json.dumps(asdict(me)) + "\n")
            note.flush()
            new.replace(path)  # it appears written and held, so that nobody takes it for a dead one
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    def _who(self) -> str:
        return "; ".join(map(str, self.holders())) or "a process that left no note"

    def _busy(self, changes: bool) -> HomeBusy:
        found, who = self.holders(), self._who()
        first = found[0] if found else None
        here = first is not None and first.host == socket.gethostname()
        end = f", or end it: kill {first.pid}" if first and here else ""
        what = "change this home" if changes else "look at this home"
        return HomeBusy(
            f"nobody else may {what} now: {who}", str(self.place), f"wait until that is done{end}"
        )


def _taken(file: IO[str], alone: bool) -> bool:
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return str(os.getuid())


def state_folder() -> Path:
    """Where the state of homes is kept: journals, locks, what was told."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return state / "homelab-runbook" / "homes"


def of_home(world: str) -> HomeLock:
    """The lock of the home called `world`."""
    return HomeLock(state_folder() / f"{world}.lock")


def environment(lock: HomeLock, changes: bool) -> dict[str, str]:
    """What tells the kernels of a run which home it holds for them; one that only looks lends nobody more."""
    return {HELD: str(lock.place) if changes else ""}


def by_run(lock: HomeLock) -> bool:
    """Whether the run that we belong to holds the home already, to change it."""
    return os.environ.get(HELD) == str(lock.place)


@contextlib.contextmanager
def to_change(lock: HomeLock, run: str) -> Iterator[None]:
    """Hold the home while something is applied, unless the run around us holds it.

    Raises:
        HomeBusy, PrerequisiteMissing: see `HomeLock.held`.
    """
    if by_run(lock):
        yield
        return
    with lock.held(True, run):
        yield
