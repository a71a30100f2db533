"""What chapter 10 shows: the bridge as a route, sizes and times, which NATs meet, and that nothing is left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from homelab import labsocket, route
from homelab.check import Answer, check
from homelab.checks import path
from homelab.checks.detour import Way
from homelab.checks.mtu import Transfer
from homelab.checks.path import Pong
from homelab.pictures.route import Leg, routes
from homelab.pictures.tables import Table
from homelab.policy.nodes import nodes
from homelab.resources import portproxy
from homelab.stages import services
from homelab.stages.gotchas import WINDOWS, Params
from homelab.vantage import seat

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.pictures.picture import Picture
    from homelab.world import World

Traces = Mapping[str, str]
FAR = "phone"
NOT_RUN = "Not run: it takes -p experiments=true."
WATCHED = ("tequila", "windows", "router", "router2", "phone")
# What an impairment or a remedy may leave on a machine. Containers come and go, so their devices do not count.
LOOK = """\
echo "mtu: $(ip -o link | sed -n 's/^[0-9]*: \\(eth[0-9]*\\|tailscale0\\).* mtu \\([0-9]*\\) .*/\\1=\\2/p' | tr '\\n' ' ')"
echo "rules: $(ip rule | tr '\\n\\t' '; ')"
echo "mangle: $(iptables -w -t mangle -S 2>/dev/null | grep -v '^-P' | tr '\\n' ';')"
echo "settings: $(cat /etc/default/tailscaled 2>/dev/null | tr '\\n' ';')"
echo "clients: $(pgrep -x -c tailscaled)"
"""


def outside(world: World, wish: Params) -> Picture:
    """Before: the phone reaches the broker by the tailnet, the device in the house knocks at Windows."""
    broker = wish.target.partition(":")[0]
    pongs = path.ping(seat(world, FAR), broker, count=4) if broker and world.lab else []
    lost = Leg(wish.device, WINDOWS, "lost", note="the firewall says nothing, and nobody leads on")
    return routes(
        {"from the flat": _legs(world, broker, pongs), "from the kitchen": [lost] if world.lab else []},
        "Further away is nearer",
    )  # fmt: skip


def bridged(world: World, wish: Params) -> Picture:
    """After: by Windows' port into WSL, and from there by the tailnet to the device."""
    if not world.lab:
        return routes({}, "The bridge")
    led = portproxy.read(services.home(world), f"{portproxy.EVERY}:{wish.port}").connect
    legs = [
        Leg(wish.device, WINDOWS, "plain", note=f"port {wish.port}, past the firewall"),
        Leg(WINDOWS, services.ROLE, "plain", note=f"portproxy to {led}"),
    ]
    if wish.target:
        legs.append(
            Leg(services.ROLE, wish.target.partition(":")[0], "direct", "WireGuard", note=f"to {wish.target}")
        )
    return routes({"from the kitchen": legs}, "The bridge")


def sizes(moments: Mapping[str, Sequence[Transfer]]) -> Table:
    """How long each answer took in each of the `moments`, or where it stalled."""
    head = ("", *(f"{t.size:,} bytes" for t in next(iter(moments.values()), ())))
    rows = [
        (moment, *(f"{t.seconds * 1000:.0f} ms" if t.whole else f"stalls after {t.got:,}" for t in found))
        for moment, found in moments.items()
    ]
    return Table(head, tuple(rows))


def ways(moments: Mapping[str, Way]) -> Table:
    """The way to the neighbour in each of the `moments`."""
    rows = [
        (moment, w.nic, w.table or "main", w.hop or "none", f"{w.ms:.2f} ms") for moment, w in moments.items()
    ]
    return Table(("", "leaves by", "routing table", "hop in between", "round trip"), tuple(rows))


def met(pairs: Mapping[tuple[str, str], Sequence[Pong]]) -> Table:
    """Which pairs of NATs can be joined directly."""
    rows = [
        (flat, home, "direct" if pongs and pongs[-1].direct else "relay only")
        for (flat, home), pongs in pairs.items()
    ]
    return Table(("the flat's NAT", "home's NAT", "phone to tequila"), tuple(rows), NOT_RUN)


def widths(found: Mapping[int, int], whole: int) -> Table:
    """What the network below lets through, and what then gets through the tunnel: `whole` is all that it takes."""
    rows = [(f"{mtu}", f"{size}", "all" if size == whole else "not all") for mtu, size in found.items()]
    return Table(("MTU below", "largest packet that passes", f"of {whole}"), tuple(rows), NOT_RUN)


def beside(world: World, heard: Mapping[str, Sequence[Pong]]) -> Picture:
    """The phone's ways to several nodes of one computer, below each other."""
    found = {f"to {name}": _legs(world, name, pongs) for name, pongs in heard.items()}
    return routes({k: v for k, v in found.items() if v}, "Neighbours on one computer")


def _legs(world: World, end: str, pongs: Sequence[Pong]) -> list[Leg]:
    """The phone's way to `end`; what is no machine is a container on tequila, behind the address translation of Docker."""
    if not pongs or end in world.machines:
        return route.legs(world, FAR, end, pongs)
    return [
        replace(
            leg, end=f"{end} (a container)", through=(*leg.through[:-1], f"{WINDOWS}, Docker (a NAT each)")
        )
        for leg in route.legs(world, FAR, services.ROLE, pongs)
    ]


def traces(world: World) -> Traces:
    """All that the demonstrations may leave behind in the lab: links, MTUs, rules, clients, Windows, the machines page."""
    if not world.lab:
        return {}
    status = labsocket.request(world.lab["socket"], op="status")
    found = {f"link of {k['machine']} on {k['network']}": json.dumps(k) for k in status["links"]}
    for name in WATCHED:
        for line in world[name].run(["sh", "-c", LOOK]).ok().out.splitlines():
            kind, _, text = line.partition(": ")
            found[f"{kind} of {name}"] = text.strip()
    windows = labsocket.request(world.lab["socket"], op="windows", machine=WINDOWS)["windows"]
    found["portproxies of Windows"] = json.dumps(windows["portproxy"])
    found["firewall rules of Windows"] = json.dumps(windows["firewall_rules"])
    if world.tailnet is not None:
        found["the machines page"] = ", ".join(sorted(n.name for n in nodes(world.tailnet)))
    return found


@check
def nothing_left(machine: Machine, before: Traces, after: Traces) -> Answer:
    """Is everything that was watched as it was?"""
    name = "nothing is left"
    other = [f"{k}: {before.get(k, 'nothing')} → {after.get(k, 'nothing')}" for k in {**before, **after} if before.get(k) != after.get(k)]  # fmt: skip
    if other:
        return Answer(name, machine.name, "fail", "\n".join(other))
    return Answer(
        name, machine.name, "ok", f"{len(after)} links, MTUs, rules, clients and pages are as they were"
    )
