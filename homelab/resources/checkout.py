"""A program's source in a folder of its own, by ``git clone``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """The `folder`, and the `url` that it was cloned from; an empty one: there is no such folder."""

    folder: str
    url: str


def read(machine: Machine, name: str) -> State:
    """Ask git where the folder came from.

    Raises:
        HomelabError: the folder is there, and is no clone: it is somebody's, and stays.
    """
    found = machine.run(["git", "-C", name, "config", "--local", "--get", "remote.origin.url"])
    if not found and machine.run(["sh", "-c", '[ -n "$(ls -A "$1" 2>/dev/null)" ]', "sh", name]):
        raise HomelabError(
            f"{name} is there, and is no clone of anything", machine.name, "choose another folder"
        )
    return State(name, found.out.strip())


def command(before: State, after: State) -> list[str]:
    """Clone; or remove all of it, with whatever the program has put there."""
    if after.url:
        return ["git", "clone", after.url, after.folder]
    return ["sh", "-c", f"rm -rf {shlex.quote(after.folder)}  # with its models and pictures"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        HomelabError: a clone of something else is in the folder.
        CommandFailed: git does not reach the repository.
    """
    if after.url and before.url:
        raise HomelabError(
            f"{after.folder} is a clone of {before.url}", machine.name, "choose another folder"
        )
    machine.run(command(before, after), timeout=900).ok()
