"""A wire of the lab: how slow, how lossy, cut or whole, and which kind of NAT it goes through.

Only the lab's wires can be turned like this; at home they are what they are.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """The wire of `machine` on `network`; `nat` is cone, symmetric, or empty where there is none."""

    machine: str = field(metadata={"show": False})
    network: str = field(metadata={"show": False})
    nat: str = ""
    udp: str = "pass"
    delay_ms: float = 0.0
    loss_pct: float = 0.0
    mtu: int = 1500
    cut: bool = False


def read(machine: Machine, name: str = "") -> State:
    """As the lab has it; `name` is the network, the way out by default.

    Raises:
        HomelabError: it is no machine of the lab.
    """
    now = _lab(machine).link(name or None)
    known = {f.name for f in dataclasses.fields(State)}
    found = {k: v for k, v in now.items() if k in known}
    return State(**{**found, "nat": found.get("nat") or ""})


def with_nat(state: State, nat: str) -> State:
    """`state` with the NAT of another kind: cone or symmetric."""
    return dataclasses.replace(state, nat=nat)


def _turned(before: State, after: State) -> dict[str, Any]:
    names = ("nat", "udp", "delay_ms", "loss_pct", "mtu", "cut")
    return {n: getattr(after, n) for n in names if getattr(after, n) != getattr(before, n)}


def command(before: State, after: State) -> list[str]:
    """The lab's own verb for it."""
    argv = ["./runbook", "lab", "link", after.machine, "--network", after.network]
    for name, value in _turned(before, after).items():
        if name == "cut":
            argv.append("--cut" if value else "--mend")
        else:
            argv += [f"--{name.removesuffix('_ms').removesuffix('_pct')}", _word(value)]
    return argv


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def do(machine: Machine, before: State, after: State) -> None:
    """Ask the lab for it.

    Raises:
        LabError: the lab refuses, for example a NAT where there is none.
    """
    _lab(machine).link(after.network, **_turned(before, after))


def _lab(machine: Machine) -> LabMachine:
    if not isinstance(machine, LabMachine):
        raise HomelabError("only the lab's wires can be changed", machine.name)
    return machine
