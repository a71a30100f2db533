"""A secret in a file on a machine, for its owner alone: what Compose hands to a container as a secret.

Only whether it is there is read, never what is in it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab.machine import Machine
from homelab.secret import Secret


@dataclass(frozen=True)
class State:
    """Whether the file at `path` is there and not empty; `source` is the reference to what goes into it."""

    path: str
    there: bool
    source: str = field(default="", compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Look at its size."""
    return State(name, bool(machine.run(["test", "-s", name])))


def command(before: State, after: State) -> list[str]:
    """``install`` from the terminal; ``rm`` back."""
    path = shlex.quote(after.path)
    if not after.there:
        return ["sh", "-c", f"rm -f {path}"]
    return ["sh", "-c", f"install -D -m 600 /dev/stdin {path}  # paste the secret, then Ctrl-D"]


def do(machine: Machine, before: State, after: State) -> None:
    """The same, with what `after.source` names.

    Raises:
        PrerequisiteMissing: it names nothing.
        CommandFailed: this user may not write there.
    """
    given = f"{Secret.parse(after.source).reveal()}\n" if after.there else ""
    machine.run(["sh", "-ec", command(before, after)[2]], stdin=given).ok()
