"""A machine of a home, by the way that its params file says."""

from __future__ import annotations

from homelab.local_machine import LocalMachine
from homelab.machine import Machine, Pending
from homelab.params import MachineParams, WorldParams
from homelab.person import Person
from homelab.ssh.machine import SshMachine


def machines(common: WorldParams, person: Person, pending: Pending) -> dict[str, Machine]:
    """The machines by role; where the file names none, the one that we run on is ``tequila``."""
    named = common.machines or {"tequila": MachineParams()}
    return {name: placed(name, found, person, pending) for name, found in named.items()}


def placed(name: str, found: MachineParams, person: Person, pending: Pending) -> Machine:
    """The machine that `found` names, called `name`; nothing is asked of it yet."""
    address = found.address
    if address.way == "local":
        return LocalMachine(name, person, pending, found.about)
    return SshMachine(name, address, person, pending, found.about)
