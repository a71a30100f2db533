"""Does a machine reach its own LAN by itself, or by way of a subnet router that offers the same LAN?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from homelab.check import Answer, check
from homelab.machine import Machine
from homelab.wait import until

TUNNEL = "tailscale0"
FIRST = re.compile(r"^From (\S+).*[Tt]ime to live exceeded", re.MULTILINE)
REPLY = re.compile(r"^\d+ bytes from .* ttl=(\d+) time=([\d.]+) ms", re.MULTILINE)
HINT = (
    "--accept-routes=false where no other route is needed; else a rule that asks the ordinary table first: "
    "sudo ip rule add to LAN priority 2500 lookup main"
)


@dataclass(frozen=True)
class Way:
    """How packets to an address go: by the device `nic`, `hop` the first that passes them on (empty: none).

    `table` is the routing table that said so (empty: the ordinary one); `ms` the round trip (0: no answer).
    """

    nic: str
    table: str
    hop: str
    ms: float

    @property
    def straight(self) -> bool:
        """Whether nobody is in between."""
        return self.nic != TUNNEL and not self.hop

    def __str__(self) -> str:
        table = f", by table {self.table}" if self.table else ""
        hop = f"the first hop is {self.hop}" if self.hop else "no hop in between"
        return f"through {self.nic}{table}; {hop}; " + (f"{self.ms:g} ms" if self.ms else "no answer")


def way(machine: Machine, address: str) -> Way:
    """What the routing table says, what a packet that may pass nobody comes to, and how long one takes.

    Raises:
        CommandFailed: there is no ``ip``, or no route.
    """
    found = json.loads(machine.run(["ip", "-json", "route", "get", address]).ok().out)[0]
    one = ["ping", "-n", "-c", "1", "-W", "1", "-t", "1", address]
    hop = FIRST.search(machine.run(one).out)
    replies = REPLY.findall(machine.run(["ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", address]).out)
    ms = min((float(took) for _, took in replies), default=0.0)
    return Way(str(found.get("dev", "")), str(found.get("table", "")), hop[1] if hop else "", ms)


@check
def goes_straight(machine: Machine, address: str) -> Answer:
    """Do packets to `address`, which is in the machine's own LAN, go there without anybody in between?"""
    found = until(
        lambda: way(machine, address),
        lambda w: w.straight and bool(w.ms),
        "the straight way",
        3.0,
        hint=HINT,
        where=machine.name,
    )
    return Answer(f"goes straight to {address}", machine.name, "ok", str(found), HINT)


@check
def goes_round(machine: Machine, address: str, hop: str) -> Answer:
    """Do packets to `address` go by the tunnel, and by the subnet router whose tailnet address is `hop`?"""
    found = until(
        lambda: way(machine, address),
        lambda w: w.nic == TUNNEL and w.hop == hop and bool(w.ms),
        "the long way round",
        5.0,
        where=machine.name,
    )
    return Answer(f"goes the long way round to {address}", machine.name, "ok", str(found))
