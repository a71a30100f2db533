"""A large file whose content is nobody's business: how much room it takes on a machine's disk (bytes).

Made by ``fallocate``, which takes the room and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """The file at `path` takes `size` bytes; 0: there is none."""

    path: str = field(metadata={"show": False})
    size: int = 0


def read(machine: Machine, name: str) -> State:
    """From ``stat``; `name` is the path."""
    done = machine.run(["sudo", "stat", "-c", "%s", name])
    return State(name, int(done.out) if done else 0)


def room(machine: Machine, folder: str) -> int:
    """How many bytes are free where `folder` is.

    Raises:
        CommandFailed: there is no such folder.
    """
    said = machine.run(["sudo", "df", "--output=avail", "-B1", folder]).ok().out
    return int(said.split()[-1])


def command(before: State, after: State) -> list[str]:
    """``fallocate``, or ``rm``."""
    if not after.size:
        return ["sudo", "rm", after.path]
    return ["sudo", "fallocate", "-l", str(after.size), after.path]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: there is no room, or no such file.
    """
    machine.run(command(before, after)).ok()


def difference(before: State, after: State) -> str:
    """In megabytes: ``61.3 MB → nothing``."""
    return f"{after.path}: {_words(before)} → {_words(after)}"


def _words(state: State) -> str:
    return f"{state.size / 1e6:.1f} MB" if state.size else "nothing"
