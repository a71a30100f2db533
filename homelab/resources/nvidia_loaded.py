"""Whether NVIDIA's driver answers: ``nvidia-smi`` shows a card. A reboot loads what was installed.

The one change that is never done for the reader: a reboot would end this run, and everything else there.
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.errors import PrerequisiteMissing
from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """Whether a card answers."""

    loaded: bool


def read(machine: Machine, name: str = "") -> State:
    """``nvidia-smi -L`` lists the cards, and fails where there is none or the driver is not loaded."""
    return State(bool(machine.run(["nvidia-smi", "-L"], timeout=30.0)))


def command(before: State, after: State) -> list[str]:
    """The talk's: reboot, then look."""
    return ["sh", "-c", "sudo reboot\nnvidia-smi  # when it is back"]


def do(machine: Machine, before: State, after: State) -> None:
    """Leave it to the reader.

    Raises:
        PrerequisiteMissing: always.
    """
    raise PrerequisiteMissing(
        "the driver is installed, and loaded by the next start of this machine",
        machine.name,
        "sudo reboot, then run this again: what is done is not done twice",
    )


def irreversible(before: State, after: State) -> bool:
    """A loaded driver stays until it is removed."""
    return after.loaded
