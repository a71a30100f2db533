"""The data of a service, there or destroyed: only a drill goes this way, and only with a backup in hand.

Nothing brings the data back but the backup: `homelab.resources.restored`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab import recipe, restic
from homelab.errors import CommandFailed, HomelabError
from homelab.machine import Machine
from homelab.recipe import Recipe
from homelab.resources.snapshot import existing

HIDDEN = {"show": False}


@dataclass(frozen=True)
class State:
    """Whether any of the data of `service` is `there`; `backups` counts those in the repository."""

    service: str
    there: bool
    backups: int = field(default=0, compare=False)
    how: str = field(default="", compare=False, metadata=HIDDEN)


def read(machine: Machine, name: str) -> State:
    """Look at the folders, and at the repository.

    Raises:
        HomelabError: there is no such project, or the repository cannot be read.
    """
    folder, place = recipe.split(name)
    how = recipe.read(machine, folder)
    found = restic.of_service(existing(machine, place), how.service)
    there = machine.run(["sh", "-c", _any(how)], timeout=10)
    return State(how.service, bool(there), len(found), how.word())


def _any(how: Recipe) -> str:
    return " || ".join(f"test -e {shlex.quote(f'{how.folder}/{d}')}" for d in _all(how))


def _all(how: Recipe) -> tuple[str, ...]:
    return (*how.data, *how.database)


def irreversible(before: State, after: State) -> bool:
    """Nothing takes it back but a backup."""
    return True


def command(before: State, after: State) -> list[str]:
    """The project down, its data gone."""
    how = Recipe.of_word(before.how or after.how)
    gone = shlex.join(["sudo", "rm", "-rf", *_all(how)])
    return ["sh", "-c", f"cd {shlex.quote(how.folder)} && docker compose down && {gone}"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        HomelabError: there is no backup of it, or this would not destroy but make it.
    """
    if after.there:
        raise HomelabError("data comes back from a backup only", machine.name, "plan a restore")
    if not before.backups:
        raise HomelabError(
            f"the only copy of {before.service} is not destroyed", machine.name, "back it up first"
        )
    done = machine.run(command(before, after), timeout=120)
    if not done:
        raise CommandFailed(done.argv, done.rc, done.out, done.err, machine.name)
