"""The long ways of chapter 10: a LAN that is reached by a tunnel although one stands in it, and NATs that only a relay joins."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

from homelab.check import Answer, check, prove
from homelab.checks import path
from homelab.checks.mtu import search
from homelab.checks.path import Pong
from homelab.lab_machine import LabMachine
from homelab.plan import Plan, change
from homelab.plan import plan as planned
from homelab.resources import ip_rule, link, login, prefs
from homelab.stages import subnet_router
from homelab.stages.gotchas import NARROW, ONLY_THE_LAB, STAGE, narrow
from homelab.vantage import seat
from homelab.wait import until

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

LAN = "10.20.0.0/24"
OFFERS, ACCEPTS, NEIGHBOUR = "router", "router2", "db"  # all three stand in that LAN
KINDS = ("cone", "symmetric")


def detour(world: World) -> Plan:
    """One machine of the LAN offers it to the tailnet; another, in the same LAN, accepts what is offered."""
    if not world.lab:
        return ONLY_THE_LAB
    now = prefs.read(world[ACCEPTS])
    others = tuple(r for r in now.advertise_routes if r != LAN)
    wanted = dataclasses.replace(now, accept_routes=True, advertise_routes=others)
    return planned(
        STAGE,
        subnet_router.offer(world, OFFERS, [LAN]),
        subnet_router.approve(world, OFFERS, [LAN]),
        change(ACCEPTS, "prefs", now, wanted, "accept what others offer, its own LAN included"),
    )


def neighbour(world: World) -> str:
    """The address of the machine in the same LAN; empty at home."""
    place = seat(world, NEIGHBOUR)
    return place.addresses["vpc"].partition("/")[0] if isinstance(place, LabMachine) else ""


def carrier(world: World) -> str:
    """The tailnet address of the machine that offers the LAN."""
    return str(login.read(world[OFFERS]).address)


def own_lan_first(machine: Machine, lan: str = LAN) -> Plan:
    """The remedy of Tailscale's documentation: `machine` asks its ordinary table first, for this one network."""
    now = ip_rule.read(machine, lan)
    wanted = ip_rule.State(lan, True)
    return planned(STAGE, change(machine.name, "ip_rule", now, wanted, "its own LAN goes by its own card", name=lan))  # fmt: skip


def nat(world: World, router: str, kind: str) -> Plan:
    """The NAT of `router` (a machine of the lab) towards the internet, of another `kind`: cone or symmetric."""
    place = seat(world, router)
    if not isinstance(place, LabMachine):
        return ONLY_THE_LAB
    now = link.read(place, "internet")
    return planned(STAGE, change(router, "link", now, link.with_nat(now, kind), f"make the NAT {kind}", name="internet"))  # fmt: skip


def pairs(world: World, start: str = "phone", end: str = "tequila") -> dict[tuple[str, str], list[Pong]]:
    """How `start` reaches `end` with each kind of NAT at the flat and at home; both are then as they were."""
    found: dict[tuple[str, str], list[Pong]] = {}
    undo: list[Plan] = []
    try:
        for flat, home in product(KINDS, KINDS):
            for router, kind in (("flat_router", flat), ("home_router", home)):
                turn = nat(world, router, kind)
                undo.insert(0, turn.inverse())
                world.apply(turn)
            found[flat, home] = path.ping(world[start], end, count=8, afresh=True)
    finally:
        for back in undo:
            if back:
                world.apply(back)
    prove(goes_direct_again(world[start], end))
    return found


@check
def goes_direct_again(machine: Machine, target: str, seconds: float = 30.0) -> Answer:
    """Do packets find the straight way again, after its routers changed and changed back?"""
    seen = until(
        lambda: path.ping(machine, target, count=3, afresh=True),
        lambda pongs: pongs[-1].direct and bool(machine.run(["ping", "-n", "-c", "1", "-W", "1", target])),
        "the straight way",
        seconds,
        where=machine.name,
    )
    return Answer(f"goes direct to {target} again", machine.name, "ok", path.story(target, seen))


def heard(machine: Machine, names: Sequence[str]) -> dict[str, list[Pong]]:
    """Ping all of `names` at once; empty lists where it cannot be asked."""
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(lambda name: path.ping(machine, name), names), strict=True))


def widths(world: World, mtus: Sequence[int]) -> dict[int, int]:
    """The largest packet that gets to WSL by the tunnel where its network lets through `mtus`; it is then as it was."""
    found: dict[int, int] = {}
    for mtu in mtus:
        narrower = narrow(world, mtu)
        world.apply(narrower)
        try:
            found[mtu] = search(world["phone"], "tequila", NARROW)
        finally:
            world.apply(narrower.inverse())
    return found
