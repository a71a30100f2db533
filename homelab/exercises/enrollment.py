"""03: a new name, a way that becomes a detour, and a second person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.checks import node, path
from homelab.exercises.exercise import HERE, NOW, Exercise, Typed, every
from homelab.exercises.login_page import signed_in_by
from homelab.machine import Machine
from homelab.resources import link
from homelab.resources.tailscale_status import owner, status

if TYPE_CHECKING:
    from homelab.world import World

NAME, BOB = "alices-phone", "bob@example.com"
ROUTERS = ("home_router", "flat_router")
PINGS = 6  # one a second; a way that can be found is found by then


def renamed(world: World) -> Answer:
    """Is the phone called `NAME`, by its own word and in Tequila's list?"""
    return every(
        lambda: node.named(world["phone"], NAME), lambda: node.sees(world["tequila"], NAME, seconds=NOW)
    )


@check
def keeps_its_nat(router: Machine) -> Answer:
    """Is the router's NAT one that can be punched, as the lab lays it?"""
    nat = link.read(router, "internet").nat
    return Answer("keeps its NAT", router.name, "ok" if nat == "cone" else "fail", f"its NAT is {nat}")


def relayed(world: World) -> Answer:
    """Does a relay carry everything between phone and Tequila, though both NATs could be punched?"""
    phone = world["phone"]
    seen = path.ping(phone, "tequila", 1)
    if not seen[-1].direct:  # it may only not have looked for another way yet
        seen = path.ping(phone, "tequila", PINGS, afresh=True)
    return every(
        *(lambda router=router: keeps_its_nat(world[router]) for router in ROUTERS),
        lambda: path.stays_on_derp(phone, "tequila", seen),
    )


@check
def belongs_to(machine: Machine, person: str) -> Answer:
    """Has `person` (an e-mail address) signed the machine in?"""
    seen = status(machine)
    whose = owner(seen) if seen["BackendState"] == "Running" else ""
    evidence = f"{whose}'s, in {seen.get('MagicDNSSuffix')}" if whose else f"{seen['BackendState']}"
    return Answer(f"belongs to {person}", machine.name, "ok" if whose == person else "fail", evidence)


@check
def is_beside(machine: Machine, other: Machine) -> Answer:
    """Is the machine in the same tailnet as `other`? A guest with whom something is shared has another one."""
    here, there = (str(status(m).get("MagicDNSSuffix") or "no tailnet") for m in (machine, other))
    good = here == there != "no tailnet"
    said = f"it is in {here}" if good else f"it is in {here}, and {other.name} in {there}"
    return Answer(f"is beside {other.name}", machine.name, "ok" if good else "fail", said)


def bob_is_in(world: World) -> Answer:
    """Is the visitor's machine Bob's, in the phone's tailnet and not in one of his own, and does it see Tequila?"""
    return every(
        lambda: belongs_to(world["visitor"], BOB),
        lambda: is_beside(world["visitor"], world["phone"]),
        lambda: node.sees(world["visitor"], "tequila", seconds=NOW),
    )


EXERCISES = (
    Exercise(
        f"The phone is called {NAME}",
        renamed,
        (
            "A device's name in the tailnet is a setting of its client, and needs no new login.",
            "`tailscale set --help`, on the phone, lists what can be set. One of them is the hostname.",
        ),
        (Typed("phone", f"tailscale set --hostname={NAME}"),),
        (Typed("phone", "tailscale set --hostname=phone"),),
    ),
    Exercise(
        "Phone and Tequila meet at a relay only, with both NATs as they are",
        relayed,
        (
            "A direct way is UDP. What would a very careful administrator of the flat's router do to it?",
            "`./runbook lab link --help` says what the lab's cables can do; the router is `flat_router`.",
        ),
        (Typed(HERE, "./runbook lab link flat_router --udp block"),),
        (Typed(HERE, "./runbook lab link flat_router --udp pass"),),
    ),
    Exercise(
        "Bob is a second person in this tailnet, with visitor as his laptop",
        bob_is_in,
        (
            "`visitor` has no Tailscale, and knows nobody. The talk's line installs it, and `tailscale up` asks who you are.",
            f"Whoever opens the address that `tailscale up` prints vouches for the machine. A browser's form, typed: `curl -d login={BOB}` and that address.",
        ),
        (
            Typed(
                "visitor",
                "curl -fsSL https://tailscale.com/install.sh | sh\n"
                "tailscale up --hostname=laptop --timeout=2s\n" + signed_in_by(BOB),
            ),
        ),
        (Typed("visitor", "tailscale logout"),),
    ),
)
