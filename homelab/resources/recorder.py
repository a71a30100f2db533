"""The lab's session recorder: whether its program runs. At home it is Tailscale's ``tsrecorder``, which you run.

Source: https://tailscale.com/kb/1246/tailscale-ssh-session-recording, "Deploy a recorder node".
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab import labsocket
from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.machine import Machine

DAEMON = "recorder"


@dataclass(frozen=True)
class State:
    """Whether the program runs on the machine; it takes recordings once its node is in the tailnet."""

    running: bool
    machine: str = DAEMON


def read(machine: Machine, name: str = "") -> State:
    """As the lab has it.

    Raises:
        HomelabError: it is no machine of the lab.
    """
    place = _lab(machine)
    services = labsocket.request(place.path, op="status")["machines"][place.name]["services"]
    return State(services.get(DAEMON) == "running", place.name)


def command(before: State, after: State) -> list[str]:
    """The lab's own verb for it."""
    return ["./runbook", "lab", "start" if after.running else "stop", after.machine, DAEMON]


def do(machine: Machine, before: State, after: State) -> None:
    """Ask the lab for it.

    Raises:
        LabError: the lab has no recorder on this machine.
    """
    if after.running:
        _lab(machine).start(DAEMON)
    else:
        _lab(machine).stop(DAEMON)


def _lab(machine: Machine) -> LabMachine:
    if not isinstance(machine, LabMachine):
        raise HomelabError(
            "only the lab's recorder is started from here", machine.name, "at home, run tsrecorder yourself"
        )
    return machine
