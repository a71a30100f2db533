"""A user of a machine, such as ``ubuntu``: whom an SSH session can be.

Going back removes the user and leaves its home directory: what is in there is somebody's.
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """Whether the machine has the user `name`."""

    name: str
    there: bool


def read(machine: Machine, name: str) -> State:
    """Ask the system's user database, as every login does."""
    return State(name, bool(machine.run(["getent", "passwd", name])))


def command(before: State, after: State) -> list[str]:
    """``useradd`` with a home and a shell; ``userdel`` back."""
    if after.there:
        return ["sudo", "useradd", "--create-home", "--shell", "/bin/bash", after.name]
    return ["sudo", "userdel", after.name]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: the name is none, or somebody is logged in under it.
    """
    machine.run(command(before, after)).ok()
