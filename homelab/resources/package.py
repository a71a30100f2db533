"""A program of the distribution's packages, such as restic: whether the machine has it."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """Whether the package `name` is there: its program of the same name is found."""

    name: str
    installed: bool


def read(machine: Machine, name: str) -> State:
    """Ask the shell for the program."""
    return State(name, bool(machine.run(["sh", "-c", 'command -v "$1"', "sh", name])))


def command(before: State, after: State) -> list[str]:
    """The package manager's line."""
    return ["sudo", "apt-get", "install" if after.installed else "remove", "-y", after.name]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: apt refuses.
    """
    machine.run(command(before, after), timeout=600, env={"DEBIAN_FRONTEND": "noninteractive"}).ok()
