"""10: another door for the lamp, a narrow road that carries large things, and a LAN that is offered to who stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.checks import detour, mqtt, mtu, reach, wsl
from homelab.exercises.exercise import CELL, HERE, NOW, Exercise, Typed, every
from homelab.machine import Machine
from homelab.resources import link, prefs
from homelab.routing.failover import carrier
from homelab.stages import gotchas as chapter
from homelab.stages.welcome import address

if TYPE_CHECKING:
    from homelab.world import World

STAGE = "10_gotchas"
DOOR, INNER = 1884, 11884
LAN, STANDS_IN_IT, NEIGHBOUR = "10.20.0.0/24", "router2", "db"
PATIENCE = 1.5  # seconds that a large answer may take
BRIDGE = f"""\
from homelab.stages import gotchas as chapter
other = chapter.Params(port={DOOR}, inner={INNER})
world.apply(chapter.%s(world["tequila"], other))"""
CLAMP = (
    "iptables -w -t mangle -%s INPUT -i tailscale0 -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1100"
)
RULE = f"ip rule %s to {LAN} priority 2500 lookup main"
OFFER = f"""\
from homelab import plan as plans
from homelab.stages import subnet_router as vpc
routes = ["{LAN}"]
world.apply(plans.plan("{STAGE}", vpc.offer(world, "router", routes), vpc.approve(world, "router", routes)))"""


def another_door(world: World) -> Answer:
    """Does a second port of Windows lead to the broker, from the kitchen?"""
    lamp, home = world["iot"], chapter.doorbell(world)
    return every(
        lambda: wsl.leads_here(world["tequila"], DOOR),
        lambda: reach.reaches(lamp, f"{home}:{DOOR}", NOW),
        lambda: mqtt.refuses_strangers(lamp, home, port=DOOR),
    )


@check
def is_narrow(machine: Machine) -> Answer:
    """Does WSL's network let through no more than what reports see?"""
    now = link.read(machine, chapter.WSL_NETWORK).mtu
    good = now <= chapter.NARROW
    return Answer("is narrow", machine.name, "ok" if good else "fail", f"WSL's network takes {now} bytes")


@check
def large_answers(receiver: Machine, sender: Machine) -> Answer:
    """Does all of a large answer come? It is not waited for longer than a person would."""
    seen = mtu.transfer(sender, receiver, sender.name, (mtu.LARGE,), PATIENCE)
    return mtu.large_answers_arrive(receiver, sender, sender.name, seen)


def carries_large_things(world: World) -> Answer:
    """Is the road as narrow as on the second evening, and do large answers of Tequila arrive?"""
    return every(lambda: is_narrow(world["tequila"]), lambda: large_answers(world["phone"], world["tequila"]))


@check
def accepts(machine: Machine) -> Answer:
    """Does the machine accept the network that it stands in, from somebody else who carries it?"""
    by = carrier(machine, LAN)
    good = prefs.read(machine).accept_routes and bool(by)
    said = f"{'accepts' if good else 'does not accept'} {LAN}, carried by {by or 'nobody else'}"
    return Answer("accepts its own LAN", machine.name, "ok" if good else "fail", said)


def is_a_neighbour_still(world: World) -> Answer:
    """Does `router2` accept its own LAN, and talk to its neighbours by the cable all the same, both ways?"""
    second, neighbour = world[STANDS_IN_IT], world[NEIGHBOUR]
    here, there = (address(world, role, "vpc") for role in (STANDS_IN_IT, NEIGHBOUR))
    return every(
        lambda: accepts(second),
        lambda: detour.goes_straight(second, there),
        lambda: reach.reaches(neighbour, here, NOW),
    )


EXERCISES = (
    Exercise(
        f"The lamp gets in by a second door, port {DOOR} of Windows",
        another_door,
        (
            "Three planks again. Which of them can be shared with the first bridge, and which need a number of their own?",
            "The chapter builds bridges by `Params(port=…, inner=…)`, and two of them can stand side by side; `bridge` makes the plan.",
        ),
        (Typed(CELL, BRIDGE % "bridge"),),
        (Typed(CELL, BRIDGE % "removed"),),
    ),
    Exercise(
        "WSL's network takes 1280 bytes, and 200,000 get through all the same",
        carries_large_things,
        (
            "First the hole: a link verb of the lab digs it. Then not the first remedy, for it would fill the hole again.",
            "Tequila sends the large answer, so Tequila has to send smaller pieces. The chapter shows two ways to tell it so; for one, mind in which direction the rule listens.",
        ),
        (
            Typed(HERE, "./runbook lab link tequila --network wsl --mtu 1280"),
            Typed("tequila", CLAMP % "A"),
        ),
        (
            Typed("tequila", CLAMP % "D"),
            Typed(HERE, "./runbook lab link tequila --network wsl --mtu 1500"),
        ),
    ),
    Exercise(
        "router2 accepts the network that it stands in, and its neighbours still reach it",
        is_a_neighbour_still,
        (
            "Somebody has to offer 10.20.0.0/24 first, as `router` does in chapter 07, and somebody has to approve it. Accepting is one flag.",
            "Table 52 is asked before the ordinary one. `ip rule` on `router2` shows the order, and a rule with a smaller number comes first.",
        ),
        (
            Typed(CELL, OFFER),
            Typed(STANDS_IN_IT, "tailscale set --advertise-routes= --accept-routes\n" + RULE % "add"),
        ),
        (
            Typed(
                STANDS_IN_IT,
                f"{RULE % 'del'}\ntailscale set --accept-routes=false\n# what router offers may stay: chapter 07 wants it, and its plan lets router2 offer it again",
            ),
        ),
    ),
)
