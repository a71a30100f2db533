"""A key that may bring backups to this machine: SFTP, and nothing else that a login could do.

Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT (``restrict`` and ``command``).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab.machine import Machine

FILE = "~/.ssh/authorized_keys"
ONLY_SFTP = 'restrict,command="internal-sftp"'


@dataclass(frozen=True)
class State:
    """Whether the key that is called `comment` may log in; `public` is the key."""

    comment: str
    allowed: bool
    public: str = field(default="", metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Look for the key called `name` among those of this user."""
    found = machine.run(["sh", "-c", f"grep -F -- {shlex.quote(name)} {FILE} 2>/dev/null"])
    said = found.out.strip().splitlines()
    return State(name, bool(said), said[0].removeprefix(f"{ONLY_SFTP} ") if said else "")


def command(before: State, after: State) -> list[str]:
    """One line more in the user's ``authorized_keys``, or less."""
    lines = (
        [f"sed -i '\\|{before.comment}|d' {FILE}"] if before.allowed else []
    )  # also a key that was replaced
    if after.allowed:
        line = shlex.quote(f"{ONLY_SFTP} {after.public}")
        lines += ["mkdir -p -m 700 ~/.ssh", f"(umask 077; echo {line} >> {FILE})"]
    return ["sh", "-c", "\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: the file cannot be written.
    """
    machine.run(["sh", "-ec", command(before, after)[2]]).ok()
