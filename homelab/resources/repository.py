"""A restic repository: where backups go, and the password that opens it, in a file that only root reads.

The password is made once and never shown. Keep a copy of it away from the machine: who loses both the
machine and the password has backups that nobody can read.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.upkeep import restic

KEEP = f"the password in {restic.PASSWORD_FILE} is needed to read it: keep a copy elsewhere"


@dataclass(frozen=True)
class State:
    """Whether the repository at `place` is there, its `password` too, and locks of processes that are dead.

    `locks` counts all, `dead_locks` those that a power cut left behind.
    """

    place: str
    there: bool
    password: bool = True
    dead_locks: int = 0
    locks: int = field(default=0, compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Ask restic for the repository's own configuration, and for its locks.

    Raises:
        HomelabError: the other machine cannot be reached, or the password does not open the repository.
    """
    if not machine.run(["sudo", "test", "-s", restic.PASSWORD_FILE]):
        return State(name, False, password=False)
    try:
        held = restic.locks(machine, name)
    except restic.NoRepository:
        return State(name, False)
    return State(name, True, True, held.dead, held.dead + held.alive)


def irreversible(before: State, after: State) -> bool:
    """A repository is never taken away again by us: it may hold the only copy."""
    return True


def command(before: State, after: State) -> list[str]:
    """The password's file, ``restic init``, ``restic unlock``: what is missing of them."""
    path = restic.PASSWORD_FILE
    lines = []
    if not before.password:
        lines.append(
            f"sudo sh -c 'umask 077; mkdir -p {path.rpartition('/')[0]}; head -c 32 /dev/urandom | base64 > {path}'"
        )
    if not before.there:
        if not after.place.startswith("sftp:"):
            parent = after.place.rpartition("/")[0] or "/"
            lines.append(f"ls -d {shlex.quote(parent)}  # the second disk: is it mounted?")
        lines.append(restic.line(after.place, "init"))
    if before.dead_locks:
        all_of_them = ["--remove-all"] if before.dead_locks == before.locks else []
        lines.append(restic.line(after.place, "unlock", *all_of_them))
    return ["sh", "-c", "\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it. A password that is there already is never replaced.

    Raises:
        HomelabError: the place cannot be written to, or the other machine does not answer.
    """
    done = machine.run(["sh", "-ec", command(before, after)[2]], timeout=120)
    if not done:
        missing = "cannot access" in done.err and not after.place.startswith("sftp:")
        if missing:
            where = after.place.rpartition("/")[0]
            raise HomelabError(f"{where} is not there", machine.name, "mount the backup disk, then again")
        raise restic.fault(done, after.place) or _failed(done.err, machine.name)


def _failed(said: str, where: str) -> HomelabError:
    last = (said.strip().splitlines() or ["it printed nothing"])[-1]
    return HomelabError(f"the repository cannot be made: {last}", where, "may root write there?")
