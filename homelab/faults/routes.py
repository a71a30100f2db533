"""Faults of routes: a way out that is none, names of a network that nobody knows, and a route over somebody's own LAN."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from homelab.checks import detour, subnet_router
from homelab.checks import exit_node as exits
from homelab.clients.postgres import Database
from homelab.faults.fault import BREAK, Fault, Looks, turned
from homelab.lab_machine import LabMachine
from homelab.plan import Plan, change
from homelab.plan import plan as planned
from homelab.resources import approval, dns, prefs
from homelab.stages import exit_node as exit_chapter
from homelab.stages import subnet_router as subnet_chapter

if TYPE_CHECKING:
    from homelab.world import World

VPC = subnet_chapter.Params()
FILMS = "select title from films limit 1"
FLAT = "192.168.88.0/24"  # what every other router at home has as well
PRINTER = "192.168.88.1"


def _public(world: World, router: str) -> str:
    place = world[router]
    return place.addresses["internet"].partition("/")[0] if isinstance(place, LabMachine) else ""


def _ways_out(world: World, seconds: float) -> Looks:
    phone, name = world["phone"], exit_chapter.called(world, "tequila")
    return (
        lambda: exits.may_choose(phone, name, seconds),
        lambda: exits.leaves_by(phone, _public(world, "flat_router"), seconds),
    )


def _living_room_shuts(world: World) -> Plan:
    """The phone travels by Tequila, as one does; then Tequila no longer offers the way."""
    phone, tequila = prefs.read(world["phone"]), prefs.read(world["tequila"])
    name = exit_chapter.called(world, "tequila")
    goes = dataclasses.replace(phone, exit_node=name)
    shut = dataclasses.replace(tequila, advertise_exit_node=False)
    return planned(
        BREAK,
        change("phone", "prefs", phone, goes, "go out by Tequila"),
        change("tequila", "prefs", tequila, shut, "no longer offer the way out"),
    )


EXIT_NODE_OFF = Fault(
    "exit-node-off",
    "“The phone has no internet at all. At home something was tidied up on Tequila this morning.”",
    "06_exit_node",
    _ways_out,
    _living_room_shuts,
    (
        "A phone that chose a way out keeps to it, even where it leads nowhere: nothing may leak beside it. Which one has it chosen?",
        "`tailscale exit-node list` on the phone: is Tequila still in it? Who offers, must say so: `--advertise-exit-node`.",
    ),
    (
        "offer the way out again: without the offer an approval does nothing",
        "let the phone go out by itself, as it did",
    ),
)


def _names_forgotten(world: World) -> Plan:
    now = dns.read(world.place("tailnet"))  # type: ignore[arg-type]
    left = tuple(pair for pair in now.split if not pair.startswith(f"{VPC.domain}="))
    return turned(world, "tailnet", "dns", f"nobody is asked for {VPC.domain} any more", split=left)


VPC_DNS_GONE = Fault(
    "vpc-dns-gone",
    "“The report that asks the database says: unknown host rds.vpc.internal. It ran for months.”",
    "07_subnet_router",
    lambda world, seconds: (
        lambda: subnet_router.resolves(world["phone"], VPC.database_name, VPC.database, seconds),
        lambda: subnet_router.gives_rows(world["phone"], Database(VPC.database), FILMS, seconds),
    ),
    _names_forgotten,
    (
        "By its number the database answers. So it is about whom the phone asks for that one name.",
        "Names in vpc.internal are known to one server inside that network. The DNS page says who is asked for what.",
    ),
    (f"ask {VPC.nameserver} for names in {VPC.domain} again (split DNS)",),
)


def _flat_is_offered(world: World) -> Plan:
    """What 07 refuses to plan: the router offers the range that the parents' flat has, and it is approved."""
    now, name = prefs.read(world["router"]), subnet_chapter.node_name(world, "router")
    offers = dataclasses.replace(now, advertise_routes=prefs.ordered((*now.advertise_routes, FLAT)))
    seen = approval.read(world.place("tailnet"), name)  # type: ignore[arg-type]
    used = dataclasses.replace(seen, approved=tuple(sorted({*seen.approved, FLAT})))
    return planned(
        BREAK,
        change("router", "prefs", now, offers, f"offer {FLAT} as well"),
        change("tailnet", "approval", seen, used, "approve it without a look", name=name),
    )


OVERLAPPING_ROUTE = Fault(
    "overlapping-route",
    "“In the parents' flat the phone no longer finds the printer that stands beside it.”",
    "07_subnet_router",
    lambda world, seconds: (
        lambda: detour.goes_straight(world["phone"], PRINTER),
        lambda: subnet_router.gives_rows(world["phone"], Database(VPC.database), FILMS, seconds),
    ),
    _flat_is_offered,
    (
        "The printer is on, and next to the phone. Which way do the phone's packets to 192.168.88.1 go?",
        "`ip route get 192.168.88.1` on the phone: a route that is accepted outranks the network one stands in. Who offers that range?",
    ),
    (
        "use this route no longer: it is the range of the flat itself",
        f"offer no {FLAT}: half of all homes have that range",
    ),
)
