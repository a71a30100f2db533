"""The data of a service, there or destroyed: only a drill goes this way, and only with a backup in hand.

Started without its data the service makes new data, as on its first day. The old comes back from the
backup only: `homelab.resources.restored`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab.engine import run
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources.snapshot import existing
from homelab.upkeep import recipe, restic
from homelab.upkeep.recipe import Recipe

HIDDEN = {"show": False}


@dataclass(frozen=True)
class State:
    """Whether any of the data of `service` is `there`; its backups are in `repository`."""

    service: str
    there: bool
    repository: str = ""
    how: str = field(default="", compare=False, metadata=HIDDEN)


def read(machine: Machine, name: str) -> State:
    """Look at the folders.

    Raises:
        HomelabError: there is no such project, or it has no recipe.
    """
    folder, place = recipe.split(name)
    how = recipe.read(machine, folder)
    there = machine.run(["sh", "-c", _any(how)], timeout=10)
    return State(how.service, bool(there), place, how.word())


def _any(how: Recipe) -> str:
    return " || ".join(f"test -e {shlex.quote(f'{how.folder}/{d}')}" for d in _all(how))


def _all(how: Recipe) -> tuple[str, ...]:
    return (*how.data, *how.database)


def irreversible(before: State, after: State) -> bool:
    """Nothing takes it back but a backup."""
    return True


def command(before: State, after: State) -> list[str]:
    """The project down, its data gone; or up again, on a first day."""
    how = Recipe.of_word(before.how or after.how)
    if after.there:
        return ["sh", "-c", f"cd {shlex.quote(how.folder)} && docker compose up -d --wait"]
    gone = shlex.join(["sudo", "rm", "-rf", *_all(how)])
    return ["sh", "-c", f"cd {shlex.quote(how.folder)} && docker compose down && {gone}"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        HomelabError: there is no backup of it.
        EngineError: Docker refuses.
    """
    if not after.there and not restic.of_service(existing(machine, before.repository), before.service):
        raise HomelabError(
            f"the only copy of {before.service} is not destroyed", machine.name, "back it up first"
        )
    run(machine, command(before, after), timeout=600)
