"""The machine on which this runs, where it plays no role and nothing is ever changed on it: always behind a guard."""

from __future__ import annotations

from typing import cast

from homelab.local_machine import LocalMachine
from homelab.machine import Machine, Pending
from homelab.person import Reader
from homelab.read_only import Guard, Guarded

NAME = "here"


def this_machine() -> Machine:
    """It can be asked, whatever its world may change; what would change it is refused (`NotReadOnly`)."""
    return cast(Machine, Guarded(LocalMachine(NAME, Reader(), Pending()), Guard(on=True)))
