"""What can be done to a wire while the lab runs: slow it, lose packets, cut it, change its MTU or NAT."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from homelab.errors import nearest

from . import links
from .anchor import Anchor
from .slow import Slowness
from .tools import Tools, await_up
from .wire import Unfit

HIGHEST_DELAY_MS, LOWEST_MTU, HIGHEST_MTU = 10_000, 576, 9000


@dataclass
class Wire:
    """One machine's place on one network, as it is now."""

    machine: str
    network: str
    nic: str
    port: str
    bridge: str
    is_upstream: bool
    delay_ms: float = 0
    loss_pct: float = 0
    mtu: int = 1500
    udp: str = "pass"
    nat: str | None = None
    cut: bool = False
    laid_nat: str | None = None

    def __post_init__(self) -> None:
        self.laid_nat = self.nat

    def as_laid(self) -> dict[str, Any]:
        """What `Wires.change` is asked for to make it as it was laid."""
        plain = {"delay_ms": 0, "loss_pct": 0, "mtu": 1500, "udp": "pass", "cut": False}
        return plain | ({"nat": self.laid_nat} if self.laid_nat else {})

    def shown(self) -> dict[str, Any]:
        """As the status document has it."""
        names = ("machine", "network", "delay_ms", "loss_pct", "mtu", "udp", "nat", "cut")
        return {name: getattr(self, name) for name in names}


class Wires:
    """All wires of the lab, and the verbs on them; one at a time."""

    def __init__(self, blueprint: dict[str, Any], machines: dict[str, Anchor], tools: Tools) -> None:
        self._machines, self._tools, self._lock = machines, tools, threading.Lock()
        self._slow = Slowness(tools, machines)
        self.all = [
            Wire(
                name,
                nic["network"],
                nic["name"],
                nic["port"],
                blueprint["networks"][nic["network"]]["bridge"],
                nic["name"] == machine["upstream"],
                nat=machine["nat"] if nic["name"] == machine["upstream"] else None,
            )
            for name, machine in blueprint["machines"].items()
            for nic in machine["interfaces"]
        ]

    def find(self, machine: str, network: str | None) -> Wire:
        """The wire of `machine` on `network`; without one, the way out of it.

        Raises:
            Unfit: it has no such wire.
        """
        mine = [w for w in self.all if w.machine == machine]
        chosen = [w for w in mine if (w.network == network if network else w.is_upstream)] or (
            mine[:1] if not network else []
        )
        if not chosen:
            on = [w.network for w in mine]
            near = nearest(str(network), on)
            hint = near if near.startswith("did") else f"it is on: {', '.join(on)}"
            raise Unfit(f"{machine} is not on {network!r}", hint=hint)
        return chosen[0]

    def change(
        self, machine: str, network: str | None, wanted: dict[str, Any], *, reset: bool = False
    ) -> dict[str, Any]:
        """Make the wire as `wanted`; the rest stays or, with `reset`, is as it was laid. As it is then.

        Raises:
            Unfit: a value is out of range; nothing is changed.
            Refused: the kernel cannot do it.
        """
        wire = self.find(machine, network)
        _check(wire, wanted)
        if reset:
            wanted = wire.as_laid() | wanted
        with self._lock:
            anchor = self._machines[machine]
            slow = (
                float(wanted.get("delay_ms", wire.delay_ms)),
                float(wanted.get("loss_pct", wire.loss_pct)),
            )
            if slow != (wire.delay_ms, wire.loss_pct):
                self._slow.set(wire, *slow)
                wire.delay_ms, wire.loss_pct = slow
            if wanted.get("mtu", wire.mtu) != wire.mtu:
                mtu = int(wanted["mtu"])
                _run(anchor, [["ip", "link", "set", wire.nic, "mtu", str(mtu)]])
                wire.mtu = mtu
            if wanted.get("udp", wire.udp) != wire.udp:
                _run(anchor, links.udp_rules(wire.nic, block=wanted["udp"] == "block"))
                wire.udp = wanted["udp"]
            if wanted.get("nat", wire.nat) != wire.nat:
                replace, flush = links.nat_rules(wire.nic, wanted["nat"])
                _run(anchor, [replace])
                anchor.ask("quiz", argv=flush, fine=[0, 1])  # 1: nothing flowed
                wire.nat = wanted["nat"]
            if wanted.get("cut", wire.cut) != wire.cut:
                self._tools.run("ip", "link", "set", wire.port, "down" if wanted["cut"] else "up")
                if not wanted["cut"]:
                    await_up(self._tools.run, wire.port)
                    await_up(lambda *argv: str(anchor.ask("quiz", argv=argv)["out"]), wire.nic)
                wire.cut = wanted["cut"]
        return wire.shown()


def _run(anchor: Anchor, commands: list[list[str]]) -> None:
    anchor.ask("batch", commands=[[argv, ""] for argv in commands])


def _check(wire: Wire, wanted: dict[str, Any]) -> None:
    known = ("delay_ms", "loss_pct", "mtu", "udp", "nat", "cut")
    for key, value in wanted.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        wrong = {
            "delay_ms": not (number and 0 <= value <= HIGHEST_DELAY_MS),
            "loss_pct": not (number and 0 <= value <= 100),
            "mtu": not (number and LOWEST_MTU <= value <= HIGHEST_MTU),
            "udp": value not in ("pass", "block"),
            "nat": value not in ("cone", "symmetric"),
            "cut": not isinstance(value, bool),
        }
        if key not in wrong:
            raise Unfit(f"there is no {key!r} of a link", wire.machine, f"known: {', '.join(known)}")
        if wrong[key]:
            raise Unfit(f"{key}: {value!r} is out of range", wire.machine, _RANGES[key])
    if "nat" in wanted and wire.nat is None:
        raise Unfit(f"{wire.machine} does no NAT on {wire.network}", hint="name a router and its way out")


_RANGES = {
    "delay_ms": f"0 to {HIGHEST_DELAY_MS} ms",
    "loss_pct": "0 to 100 per cent",
    "mtu": f"{LOWEST_MTU} to {HIGHEST_MTU} bytes",
    "udp": "pass or block",
    "nat": "cone or symmetric",
    "cut": "true or false",
}
