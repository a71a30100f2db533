"""A folder on a machine, for files that outlive whatever uses them: making it is all that is done to it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """Whether all of `paths` are folders there."""

    there: bool
    paths: tuple[str, ...] = ()


def read(machine: Machine, name: str) -> State:
    """Look; `name` holds the paths, a line each."""
    paths = tuple(name.splitlines())
    return State(
        bool(machine.run(["sh", "-c", 'for f; do test -d "$f" || exit 1; done', "sh", *paths])), paths
    )


def irreversible(before: State, after: State) -> bool:
    """What lies in a folder is not ours to remove."""
    return True


def command(before: State, after: State) -> list[str]:
    """Make them, with what is above them."""
    return ["sh", "-c", f"mkdir -p {shlex.join(after.paths)}"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: a file is in the way, or this user may not.
    """
    machine.run(command(before, after)).ok()
