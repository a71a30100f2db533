"""NVIDIA's driver on Ubuntu: its packages. Loaded it is after a reboot: see `nvidia_loaded`.

Source: https://documentation.ubuntu.com/server/how-to/graphics/install-nvidia-drivers/ (``ubuntu-drivers``), as
the talk's author does it on a g4dn.xlarge.
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.machine import Machine

INSTALL = "sudo apt-get update\nsudo apt-get install -y ubuntu-drivers-common\nsudo ubuntu-drivers install"
REMOVE = "sudo apt-get purge -y '^nvidia-.*' '^libnvidia-.*'\nsudo apt-get autoremove -y"
LOOK = "dpkg-query -W -f '${db:Status-Abbrev}${Package}\\n' 'nvidia-driver-*' 'nvidia-headless-*' 2>/dev/null | grep '^ii'"


@dataclass(frozen=True)
class State:
    """Whether a package of the driver is installed."""

    installed: bool


def read(machine: Machine, name: str = "") -> State:
    """Ask dpkg for ``nvidia-driver-*`` (``nvidia-headless-*`` where it serves without a screen)."""
    return State(bool(machine.run(["sh", "-c", LOOK])))


def command(before: State, after: State) -> list[str]:
    """``ubuntu-drivers`` chooses the release for the card; apt takes them all away."""
    return ["sh", "-c", INSTALL if after.installed else REMOVE]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: apt or ubuntu-drivers did not end well; there may be no card.
    """
    lines = command(before, after)[2]
    machine.run(["sh", "-ec", lines], timeout=1800, env={"DEBIAN_FRONTEND": "noninteractive"}).ok()
