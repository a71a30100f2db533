"""A Python program's virtual environment, in its own folder, with what its requirements file asks for.

It is up to date as long as the file has the checksum that was written when it was installed.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab.machine import Machine

STAMP = ".installed"


@dataclass(frozen=True)
class State:
    """Whether the environment `name` in `folder` is `ready`: made by Python `release`, with all of `requirements`."""

    folder: str
    name: str
    ready: bool
    release: str = field(default="3", compare=False)
    requirements: str = field(default="requirements.txt", compare=False)


def read(machine: Machine, name: str) -> State:
    """Compare the checksum. `name` is the environment's path."""
    folder, _, environment = name.rpartition("/")
    look = 'cd "$1" && [ -x "$2/bin/python" ] && sha256sum --status -c "$2/$3"'
    ready = machine.run(["sh", "-c", look, "sh", folder, environment, STAMP])
    return State(folder, environment, bool(ready))


def command(before: State, after: State) -> list[str]:
    """Make it, install into it, note the checksum; or remove it."""
    folder, name = shlex.quote(after.folder), shlex.quote(after.name)
    if not after.ready:
        return ["sh", "-c", f"rm -rf {folder}/{name}"]
    file = shlex.quote(after.requirements)
    lines = [
        f"cd {folder}",
        f"python{after.release} -m venv {name}",
        f"{name}/bin/pip install -r {file}",
        f"sha256sum {file} >{name}/{STAMP}",
    ]
    return ["sh", "-c", "\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: there is no such Python, or a package cannot be had.
    """
    machine.run(["sh", "-ec", command(before, after)[2]], timeout=3600).ok()
