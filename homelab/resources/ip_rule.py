"""A routing rule of a Linux machine: packets for a network follow the ordinary table, before Tailscale's is asked.

Tailscale puts accepted routes into a table of its own (52) and has it asked before the ordinary one. A rule
with a lower number is asked before both. It lasts until the next restart.

Source: https://tailscale.com/docs/reference/troubleshooting/network-configuration/lan-traffic-overlapping-subnets
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine

PRIORITY = 2500  # Tailscale's own begin at 5210


@dataclass(frozen=True)
class State:
    """Packets to the network `to` follow the table ``main``, or (not `there`) the rules as they are."""

    to: str = field(metadata={"show": False})
    there: bool = False


def read(machine: Machine, name: str) -> State:
    """From ``ip rule``; `name` is the network.

    Raises:
        HomelabError: it has no ``ip``.
    """
    done = machine.run(["ip", "-json", "rule", "show", "priority", str(PRIORITY)])
    if not done:
        raise HomelabError(f"ip does not say: {done.err.strip()}", machine.name, "is it Linux?")
    address, _, length = name.partition("/")
    found = [
        rule
        for rule in json.loads(done.out or "[]")
        if (rule.get("dst"), str(rule.get("dstlen", ""))) == (address, length) and rule.get("table") == "main"
    ]
    return State(name, bool(found))


def command(before: State, after: State) -> list[str]:
    """``ip rule``."""
    verb = "add" if after.there else "del"
    return ["sudo", "ip", "rule", verb, "to", after.to, "priority", str(PRIORITY), "lookup", "main"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: the kernel refuses.
    """
    machine.run(command(before, after)).ok()
