"""A static route of a Linux machine: where packets for a network go that it is not in.

In a cloud the same line stands in the VPC's route table, for all machines of the subnet at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from homelab.errors import HomelabError
from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """The network `to` and the router `via` (its address; empty: there is no such route)."""

    to: str
    via: str = ""


def read(machine: Machine, name: str) -> State:
    """From ``ip route``; `name` is the network.

    Raises:
        HomelabError: it has no ``ip``.
    """
    done = machine.run(["ip", "-json", "route", "show", "exact", name])
    if not done:
        raise HomelabError(f"ip does not say: {done.err.strip()}", machine.name, "is it Linux?")
    found = json.loads(done.out or "[]")
    return State(name, str(found[0].get("gateway", "")) if found else "")


def next_hop(machine: Machine, address: str) -> str:
    """The router that packets for `address` go to by whatever route there is; empty where they go straight or nowhere."""
    return str(_way(machine, address).get("gateway", ""))


def source(machine: Machine, address: str) -> str:
    """The address of its own that the machine puts on packets for `address`; empty where there is no way."""
    return str(_way(machine, address).get("prefsrc", ""))


def _way(machine: Machine, address: str) -> dict[str, Any]:
    done = machine.run(["ip", "-json", "route", "get", address])
    found: list[dict[str, Any]] = json.loads(done.out or "[]") if done else []
    return found[0] if found else {}


def command(before: State, after: State) -> list[str]:
    """``ip route``."""
    if after.via:
        return ["sudo", "ip", "route", "replace", after.to, "via", after.via]
    return ["sudo", "ip", "route", "del", before.to]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: the router is not in a network of this machine.
    """
    machine.run(command(before, after)).ok()
