"""A Python of a certain release beside the distribution's own, for a program that wants just that one.

Fooocus wants 3.10: torch 2.1.0, which it pins, has no build for the 3.12 of Ubuntu 24.04 (lllyasviel/Fooocus
issue 3535). Ubuntu 22.04 has it; for others it comes from the deadsnakes archive,
https://launchpad.net/~deadsnakes/+archive/ubuntu/ppa.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.machine import Machine

ADD = "sudo apt-get install -y software-properties-common\nsudo add-apt-repository -y ppa:deadsnakes/ppa\n"


@dataclass(frozen=True)
class State:
    """Whether Python `release` (``3.10``) is there, able to make virtual environments.

    `own`: the distribution's archive has it.
    """

    release: str
    installed: bool
    own: bool = field(default=False, compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Start it, and import what a virtual environment needs; ask apt whether the distribution has it."""
    there = machine.run([f"python{name}", "-c", "import ensurepip, venv"])
    known = machine.run(["apt-cache", "show", f"python{name}-venv"])
    return State(name, bool(there), bool(known))


def command(before: State, after: State) -> list[str]:
    """apt, with the archive before it where the distribution has none."""
    package = f"python{after.release}-venv"
    if not after.installed:
        return ["sh", "-c", f"sudo apt-get remove -y {package}"]
    return ["sh", "-c", f"{'' if before.own else ADD}sudo apt-get install -y {package}"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: apt refuses; deadsnakes is for Ubuntu only.
    """
    lines = command(before, after)[2]
    machine.run(["sh", "-ec", lines], timeout=900, env={"DEBIAN_FRONTEND": "noninteractive"}).ok()
