"""A secret on a machine for as long as one command needs it: in a file that only root reads.

As an argument it would show in the process list, and in the shell's history.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from homelab.machine import Machine
from homelab.secret import Secret


@contextmanager
def key_file(machine: Machine, path: str, reference: str) -> Iterator[None]:
    """Keep the secret that `reference` names in `path` on `machine` meanwhile; an empty one keeps nothing.

    Raises:
        PrerequisiteMissing: what the reference names is not there.
        CommandFailed: the file cannot be written.
    """
    if not reference:
        yield
        return
    secret = Secret.parse(reference).reveal()
    try:
        machine.run(["sudo", "sh", "-c", f"umask 077; cat > {shlex.quote(path)}"], stdin=f"{secret}\n").ok()
        yield
    finally:
        machine.run(["sudo", "rm", "-f", path])
