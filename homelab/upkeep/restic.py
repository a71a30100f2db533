"""restic, the backup program, on a machine: where its repository is, and what it says of it.

Source: https://restic.readthedocs.io (repository, locks, scripting with ``--json``).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from homelab.errors import CommandFailed, HomelabError, PrerequisiteMissing
from homelab.machine import Machine, Result

PASSWORD_FILE = "/etc/homelab/restic-password"  # on the machine that backs up; root's alone
PROVED = "restore-proved"  # the tag of a snapshot that holds no data: the record of a drill
IMAGE = "image:"  # begins the tags that say which image the data belongs to
INCOMPLETE = 3  # restic's exit status where some files could not be read
SLOW = 3600.0  # seconds: a first backup of a photo library takes its time
ABSENT = "Is there a repository at the following location?"  # as restic 0.9 to 0.18 print it


class NoRepository(HomelabError):
    """Nothing is at the place where a repository is expected."""


@dataclass(frozen=True)
class Snapshot:
    """One backup: `id` (short), when it was taken, of which service (its first tag), and all its tags."""

    id: str
    at: datetime
    host: str
    tags: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Which images ran on this data: ``service=repository@digest`` each."""
        return tuple(t.removeprefix(IMAGE) for t in self.tags if t.startswith(IMAGE))


def place_of(text: str) -> str:
    """`text` as a place for a repository: a folder's path, or ``sftp:HOST:/PATH``.

    Raises:
        ValueError: it is neither.
    """
    if re.fullmatch(r"/[^\s:]+", text) or re.fullmatch(r"sftp:([\w.-]+@)?[\w.-]+:/?[^\s:]+", text):
        return text.rstrip("/")
    raise ValueError("must be a folder such as /mnt/backup/restic, or sftp:HOST:/PATH on another machine")


def argv(place: str, *words: str) -> list[str]:
    """restic at `place`, as typed; the password stays in its file."""
    return ["sudo", "restic", "-r", place, "-p", PASSWORD_FILE, *words]


def line(place: str, *words: str) -> str:
    """The same for a script."""
    return shlex.join(argv(place, *words))


def ask(machine: Machine, place: str, *words: str, timeout: float = 120.0) -> Result:
    """A command of restic that must succeed, and what it printed.

    Raises:
        PrerequisiteMissing: restic is not installed there.
        HomelabError: the repository is absent, locked, or has another password.
        CommandFailed: anything else.
    """
    done = machine.run(argv(place, *words), timeout=timeout)
    if done:
        return done
    raise fault(done, place) or CommandFailed(done.argv, done.rc, done.out, done.err, machine.name)


def fault(done: Result, place: str) -> HomelabError | None:
    """The error behind restic's words, where they are known."""
    said = done.err + done.out
    if done.rc == 127 or re.search(r"restic: (command )?not found", said):
        hint = "sudo apt-get install restic"
        return PrerequisiteMissing("restic is not installed", done.where, hint)
    if ABSENT in said:
        hint = "is the backup disk mounted, and the other machine on? Else it was never made: restic init"
        return NoRepository(f"there is no repository at {place}", done.where, hint)
    if "wrong password" in said or "password-file" in said or "password is empty" in said:
        hint = f"put the repository's password into {PASSWORD_FILE}; without it the backups cannot be read"
        return HomelabError(f"the password does not open {place}", done.where, hint)
    if found := re.search(r"repository is already locked.*", said):
        hint = f"does another backup run? If none does: {line(place, 'unlock')}"
        return HomelabError(found[0].strip(), done.where, hint)
    if "no space left on device" in said:
        hint = "keep fewer snapshots (restic forget --keep-daily 7 --keep-weekly 5 --prune), or take a larger disk"
        return HomelabError(f"the disk of {place} is full", done.where, hint)
    if place.startswith("sftp:") and re.search(
        r"ssh|EOF|connect|subprocess|sftp session", said, re.IGNORECASE
    ):
        host = place.split(":")[1]
        why = next(
            (x for x in said.splitlines() if "ssh" in x.lower() or "connect" in x.lower()), "no answer"
        )
        hint = f"try it: sudo sftp {host}"
        return HomelabError(f"{host} cannot be reached by SFTP: {why.strip()}", done.where, hint)
    return None


# What a repository in a folder said last: its snapshots are files that are named by what is in them, so
# the same names are the same snapshots. To open a repository takes restic half a second each time.
_known: WeakKeyDictionary[Machine, dict[str, tuple[str, list[Snapshot]]]] = WeakKeyDictionary()


def snapshots(machine: Machine, place: str) -> list[Snapshot]:
    """The snapshots at `place`, oldest first. Takes no lock.

    Raises:
        HomelabError: see `ask`.
    """
    names = listed(machine, place, "snapshots")
    known = _known.setdefault(machine, {})
    if names is not None and place in known and known[place][0] == names:
        return known[place][1]
    said = ask(machine, place, "snapshots", "--json", "--no-lock").out
    found = sorted((_snapshot(s) for s in json.loads(said) or []), key=lambda s: s.at)
    if names is not None:
        known[place] = (names, found)
    return found


def listed(machine: Machine, place: str, kind: str) -> str | None:
    """The names of the files of a `kind` in a repository that is a folder; None where that cannot be seen."""
    if place.startswith("sftp:"):
        return None
    done = machine.run(["sudo", "ls", f"{place}/{kind}"])
    return done.out if done else None


def of_service(found: Sequence[Snapshot], service: str) -> list[Snapshot]:
    """Those of `found` that hold data of `service`, in their order."""
    return [s for s in found if service in s.tags and PROVED not in s.tags]


def proofs(found: Sequence[Snapshot], service: str) -> list[Snapshot]:
    """Those of `found` that record a proved restore of `service`, in their order."""
    return [s for s in found if PROVED in s.tags and proof_tag(service) in s.tags]


def proof_tag(service: str) -> str:
    """The tag that names the service of a proof: not the service's own, or it would pass for its data."""
    return f"proof-of-{service}"


def _snapshot(data: dict[str, Any]) -> Snapshot:
    return Snapshot(
        data["short_id"],
        moment(data["time"]),
        data["hostname"],
        tuple(data.get("tags") or ()),
        tuple(data.get("paths") or ()),
    )


def moment(text: str) -> datetime:
    """restic's time, which has nanoseconds, as ours in UTC."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).astimezone(UTC)


@dataclass(frozen=True)
class Locks:
    """How many locks a repository has: of processes that are `dead`, and of those that may be `alive`."""

    dead: int = 0
    alive: int = 0


# restic itself calls a lock stale where its process is gone, or after half an hour. After a power cut the
# number often belongs to another program already: then what runs under it is not restic.
_LOCKS = """\
for id in $({list}); do
  lock=$({cat} "$id") || continue
  pid=$(printf '%s' "$lock" | sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p')
  host=$(printf '%s' "$lock" | sed -n 's/.*"hostname": *"\\([^"]*\\)".*/\\1/p')
  if [ "$host" = "$(uname -n)" ] && [ "$(cat /proc/$pid/comm 2>/dev/null)" != restic ]
  then echo dead; else echo alive; fi
done"""


def locks(machine: Machine, place: str) -> Locks:
    """The locks at `place`; one of another machine counts as alive.

    Raises:
        HomelabError: see `ask`.
    """
    names = listed(machine, place, "locks")
    if names is None:  # in a folder or not, restic knows whether there is a repository at all
        names = ask(machine, place, "list", "locks", "--no-lock").out
    if not names.split():
        return Locks()
    script = _LOCKS.format(
        list=line(place, "list", "locks", "--no-lock"), cat=line(place, "cat", "--no-lock", "lock")
    )
    said = machine.run(["sh", "-c", script]).ok().out.split()
    return Locks(said.count("dead"), said.count("alive"))
