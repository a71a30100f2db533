"""07: another carrier, a database that sees who asks, and a policy that opens one port of a whole network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab import vantage
from homelab.check import Answer, check
from homelab.checks import node
from homelab.checks import subnet_router as checks
from homelab.clients import postgres
from homelab.clients.postgres import Database
from homelab.exercises.exercise import NOW, Exercise, Typed, every
from homelab.exercises.policy_cell import edit
from homelab.machine import Machine
from homelab.reach.probe import probe
from homelab.resources import login
from homelab.routing.failover import carrier

if TYPE_CHECKING:
    from homelab.world import World

STAGE = "07_subnet_router"
LAN, DB, NAME = "10.20.0.0/24", "10.20.0.50", "rds.vpc.internal"
WAIT = 0.5  # seconds: a packet that is dropped says nothing
EVERYTHING = '{"src": ["*"], "dst": ["*"], "ip": ["*"]}'
DEVICES = '{"src": ["*"], "dst": ["autogroup:member", "autogroup:tagged", "autogroup:internet"], "ip": ["*"]}'
QUERIES = f'{{"src": ["autogroup:member"], "dst": ["{DB}"], "ip": ["tcp:5432"]}}'
MOMENT = f"tailscale set --advertise-routes=\nsleep 1\ntailscale set --advertise-routes={LAN}"  # the other one takes over
NAMES = '{"src": ["autogroup:member"], "dst": ["10.20.0.53"], "ip": ["udp:53", "tcp:53"]}'


@check
def carried_by(machine: Machine, name: str) -> Answer:
    """Does the node `name` carry the network for this machine?"""
    now = carrier(machine, LAN)
    return Answer(
        f"{name} carries it",
        machine.name,
        "ok" if now == name else "fail",
        f"{now or 'nobody'} carries {LAN}",
    )


def carried_by_the_second(world: World) -> Answer:
    """Does `router2` carry the network, while `router` is in the tailnet and offers it as before?"""
    tailnet = vantage.tailnet(world)
    return every(
        lambda: carried_by(world["phone"], "router2"),
        lambda: node.running(world["router"]),
        lambda: checks.approved(tailnet, "router", LAN, seconds=NOW),
    )


@check
def seen_as(machine: Machine, address: str) -> Answer:
    """Does the database see `machine` come from `address`?"""
    seen = postgres.query(machine, Database(DB), checks.WHO, checks.SHORT)[0][0]
    return Answer(
        "seen as itself", machine.name, "ok" if seen == address else "fail", f"the database sees {seen}"
    )


def sees_who_asks(world: World) -> Answer:
    """Does the database see the phone's own address?"""
    return seen_as(world["phone"], str(login.read(world["phone"]).address))


@check
def is_kept_out(machine: Machine, address: str, port: int) -> Answer:
    """Do packets to that door not even arrive? To be refused would be an answer of somebody behind it."""
    (seen,) = probe(machine, [(address, port)], WAIT)
    return Answer(
        "is kept out",
        machine.name,
        "ok" if seen == "blocked" else "fail",
        f"a packet to {address}:{port} {'does not arrive' if seen == 'blocked' else 'arrives'}",
    )


def one_port(world: World) -> Answer:
    """Does the phone get rows from the database by its name, and nothing else of that machine?"""
    phone = world["phone"]
    return every(
        lambda: is_kept_out(phone, DB, 22),
        lambda: checks.gives_rows(phone, Database(NAME), "select count(*) from films", NOW),
    )


EXERCISES = (
    Exercise(
        "router2 carries the network, and router stands by",
        carried_by_the_second,
        (
            "Two routers offer the same network, and whoever took over keeps it. What makes the other one take over?",
            "`router` need not go for long. It is enough that it stops offering for a moment: `tailscale set --advertise-routes=…`.",
        ),
        (Typed("router", MOMENT),),
        (Typed("router2", MOMENT),),
    ),
    Exercise(
        "The database sees the phone itself, not a router",
        sees_who_asks,
        (
            "Who puts another address on the packet, and by what right? It is a switch of that machine's client.",
            "It is called SNAT. Which router carries the network now? And the answer must find back: `ip route` on `db` says by whom it goes.",
        ),
        (
            Typed("router2", MOMENT),  # so that router carries, whatever was before
            Typed("router", "tailscale set --snat-subnet-routes=false"),
            Typed("db", "ip route replace 100.64.0.0/10 via 10.20.0.1"),
        ),
        (
            Typed("db", "ip route del 100.64.0.0/10"),
            Typed("router", "tailscale set --snat-subnet-routes"),
        ),
    ),
    Exercise(
        "The tailnet opens one port of the database's machine, and its name still works",
        one_port,
        (
            "A rule whose destination is `*` opens every network that is routed, whatever stands beside it. So it has to become narrower first.",
            "Destinations can be `autogroup:member`, `autogroup:tagged` and `autogroup:internet`: devices and the way out, but nothing that is routed. What the phone needs of 10.20.0.0/24 are two things, and one of them answers questions about names.",
        ),
        (
            edit(
                STAGE,
                "one port of the database, and its names",
                f'changed_item("grants", {EVERYTHING}, {DEVICES})',
                f'with_item("grants", {QUERIES})',
                f'with_item("grants", {NAMES})',
            ),
        ),
        (
            edit(
                STAGE,
                "everything is open again",
                f'without_item("grants", {NAMES})',
                f'without_item("grants", {QUERIES})',
                f'changed_item("grants", {DEVICES}, {EVERYTHING})',
            ),
        ),
    ),
)
