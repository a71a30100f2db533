"""The route that packets take between two machines, as legs to draw: see `homelab.pictures.route`.

In the lab its status document tells which NATs are between; at home only the two ends are known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from homelab import labsocket
from homelab.checks import path
from homelab.checks.path import Pong
from homelab.pictures.layout import internet_of
from homelab.pictures.layout import path as hops
from homelab.pictures.route import Leg
from homelab.vantage import seat
from homelab.world import World


def legs(world: World, start: str, end: str, pongs: Sequence[Pong] | None = None) -> list[Leg]:
    """The leg between two nodes of the tailnet, as the last ping found it; pings now unless `pongs` are given.

    `end` may be a device that is no machine, such as ``quiz``: the NATs are then those of the address
    that answered. Empty where it cannot be asked: no such machine, or changes that wait.

    Raises:
        CommandFailed: `start` could not ping, for example because nobody is logged in.
    """
    seen = path.ping(seat(world, start), end, count=4) if pongs is None else list(pongs)
    if not seen:
        return []
    last, status = seen[-1], _status(world)
    between, gap = _between(status, start, _holder(status, end, last.via))
    through = tuple(_with_nat(status, name) for name in between)
    if not last.via:
        return [Leg(start, end, "lost", through=through, note="no answer")]
    took = f"round trip {last.ms:.3g} ms"
    if last.direct:
        return [Leg(start, end, "direct", "WireGuard", through, f"{took}, to {last.via}")]
    relay = f"relay ({re.sub(r'[()]', ' ', last.via).strip()})"
    return [Leg(start, end, "relayed", "WireGuard", through, took, relay, gap)]


def plain(world: World, start: str, end: str, inside: str = "", note: str = "") -> Leg:
    """A leg that is not the tailnet's: from an exit node to a server, from a subnet router to a database.

    `inside` is ``TLS`` where the programs at its ends encrypt by themselves.
    """
    status = _status(world)
    between, _ = _between(status, start, end)
    return Leg(start, end, "plain", inside, tuple(_with_nat(status, name) for name in between), note)


def _status(world: World) -> Mapping[str, Any]:
    """The lab as it is now; a home has no such document."""
    return labsocket.request(world.lab["socket"], op="status") if world.lab else {}


def _between(status: Mapping[str, Any], start: str, end: str) -> tuple[list[str], int | None]:
    """The machines that packets pass, and how many of them are on the near side of the internet."""
    machines = status.get("machines", {})
    if start not in machines or end not in machines:
        return [], None
    way = hops(status, start, end)
    internet = internet_of(status)
    public = [n for n, name in enumerate(way) if internet in machines[name]["addresses"]]
    between = [name for name in way[1:-1] if machines[name].get("nat")]
    near = sum(name in between for name in way[: public[0] + 1]) if public else None
    return between, near


def _holder(status: Mapping[str, Any], name: str, via: str) -> str:
    """The machine called `name`; for a device that is none, the one that has the address `via`."""
    machines = status.get("machines", {})
    if name in machines:
        return name
    address = via.rpartition(":")[0]
    return next(
        (m for m, found in machines.items() for a in found["addresses"].values() if a.partition("/")[0] == address),
        "",
    )  # fmt: skip


def _with_nat(status: Mapping[str, Any], name: str) -> str:
    nats = {link.get("nat") for link in status.get("links", ()) if link["machine"] == name}
    return f"{name} (symmetric NAT)" if "symmetric" in nats else f"{name} (NAT)"
