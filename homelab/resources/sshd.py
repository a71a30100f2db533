"""OpenSSH's server on a machine: whether it takes connections."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.machine import Machine
from homelab.wait import until


@dataclass(frozen=True)
class State:
    """Whether it runs: something listens on port 22."""

    running: bool


def read(machine: Machine, name: str = "") -> State:
    """Look who listens."""
    return State(bool(machine.run(["sh", "-c", "ss -Hltn 'sport = :22' | grep -q ."])))


def command(before: State, after: State) -> list[str]:
    """The service's own way, which works with systemd and without."""
    return ["sudo", "service", "ssh", "start" if after.running else "stop"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until it listens.

    Raises:
        CommandFailed: there is no such service: sudo apt-get install openssh-server.
    """
    machine.run(command(before, after)).ok()
    until(
        lambda: read(machine), lambda now: now == after, "sshd to listen", 10.0,
        hint="sudo sshd -t says what is wrong with its configuration", where=machine.name,
    )  # fmt: skip
