"""06: the printer beside you, the same way round, and a tag whose offers nobody has to approve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.checks import exit_node as exits
from homelab.checks import panel, reach
from homelab.exercises.exercise import CELL, NOW, Exercise, Typed, every
from homelab.exercises.login_page import signed_in_by
from homelab.exercises.policy_cell import edit
from homelab.machine import Machine
from homelab.policy import policyfile
from homelab.resources import approval, policy, prefs
from homelab.stages.welcome import address
from homelab.vantage import tailnet as its_tailnet

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet
    from homelab.world import World

STAGE = "06_exit_node"
TURN = """\
from homelab.check import prove
from homelab.checks import exit_node as exits
from homelab.stages import exit_node as chapter
other = chapter.Params(exit_node="phone", traveller="tequila")"""
FORWARD = "sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
FORGET = """\
from homelab import plan as plans
from homelab.resources import device
now = device.read(world.tailnet, "way-out")
gone = plans.change("tailnet", "device", now, device.State(False), "off the machines page", name="way-out", loses="a login")
world.apply(plans.plan("06_exit_node", gone))"""
SIGN_IN = signed_in_by("alice@example.com")
OWN_WAY = "tailscale set --exit-node= --exit-node-allow-lan-access=false"


@check
def comes_from(machine: Machine, address: str) -> Answer:
    """Does a server on the internet see the machine come from `address`?"""
    seen = reach.public_address(machine)
    good = seen == address
    return Answer(
        f"comes from {address}", machine.name, "ok" if good else "fail", f"the internet sees {seen}"
    )


def keeps_the_printer(world: World) -> Answer:
    """Does the phone go out by the home, and reach the flat's own router beside it all the same?"""
    phone = world["phone"]
    return every(
        lambda: comes_from(phone, address(world, "home_router", "internet")),
        lambda: reach.reaches(phone, address(world, "flat_router", "flat_lan"), NOW),
    )


def turned_round(world: World) -> Answer:
    """Does the world see Tequila come from the parents' flat?"""
    return comes_from(world["tequila"], address(world, "flat_router", "internet"))


@check
def approved_by_its_tag(tailnet: Tailnet) -> Answer:
    """Is there a device whose tag the policy approves as an exit node, and is it one?"""
    name = "approved by its tag"
    trusted = policyfile.data(policy.read(tailnet).text).get("autoApprovers", {}).get("exitNode", [])
    tags = {who for who in trusted if who.startswith("tag:")}
    if not tags:
        return Answer(name, tailnet.name, "fail", "the policy approves no exit nodes by a tag")
    for device, found in panel.devices(tailnet).items():
        if tags & set(found.tags or ()) and set(prefs.EVERYWHERE) <= set(
            approval.read(tailnet, device).approved
        ):
            return Answer(name, tailnet.name, "ok", device)
    return Answer(name, tailnet.name, "fail", f"no exit node carries {' or '.join(sorted(tags))} yet")


def needs_no_click(world: World) -> Answer:
    """Is such a device in the phone's list of exit nodes?"""
    found = approved_by_its_tag(its_tailnet(world))
    return found if found.status != "ok" else exits.may_choose(world["phone"], found.evidence, NOW)


EXERCISES = (
    Exercise(
        "The phone is out by the living room, and the flat's printer answers",
        keeps_the_printer,
        (
            "Two switches of the phone's client: which way out, and whether the network beside you stays yours.",
            "`tailscale set --help` on the phone; look for the two that begin with `--exit-node`.",
        ),
        (Typed("phone", "tailscale set --exit-node=tequila --exit-node-allow-lan-access"),),
        (Typed("phone", OWN_WAY),),
    ),
    Exercise(
        "The other way round: the world sees Tequila in the parents' flat",
        turned_round,
        (
            "Nobody is a way out and takes one at the same time. Who has to stop offering first?",
            "The chapter's plan takes other roles too: `Params(exit_node=…, traveller=…)`, then its `plan` and its `use`.",
        ),
        (
            Typed("phone", OWN_WAY),  # a way out takes none itself
            Typed("tequila", "tailscale set --advertise-exit-node=false"),
            Typed(
                CELL,
                f'{TURN}\nworld.apply(chapter.plan(world, other))\nprove(exits.may_choose(world["tequila"], "phone"))\n'
                'world.apply(chapter.use(world, other, "phone"))',
            ),
        ),
        (
            Typed(CELL, f'{TURN}\nworld.apply(chapter.use(world, other, ""))'),
            Typed(
                "phone",
                "tailscale set --advertise-exit-node=false\nrm /etc/sysctl.d/99-tailscale.conf\n"
                "sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0",
            ),
            Typed("tequila", "tailscale set --advertise-exit-node"),
        ),
    ),
    Exercise(
        "A machine with a tag of your choice is an exit node, and nobody had to approve it",
        needs_no_click,
        (
            "The policy can approve by itself: `autoApprovers`, and in it `exitNode`. It has to say so before the offer comes.",
            "A tag needs an owner (`tagOwners`) before anybody may carry it. `router` is idle: `tailscale up` there takes `--advertise-tags` and `--advertise-exit-node`.",
        ),
        (
            edit(
                STAGE,
                "approve exit nodes with tag:exit",
                'with_key("tagOwners", "tag:exit", ["autogroup:admin"])',
                'with_item(("autoApprovers", "exitNode"), "tag:exit")',
            ),
            Typed(
                "router",
                f"{FORWARD}\ntailscale up --hostname=way-out --advertise-tags=tag:exit --advertise-exit-node --timeout=2s\n{SIGN_IN}",
            ),
        ),
        (
            Typed("router", "tailscale set --advertise-exit-node=false\ntailscale logout"),
            edit(
                STAGE,
                "approve exit nodes by hand again",
                'without_item(("autoApprovers", "exitNode"), "tag:exit")',
            ),
            Typed(CELL, FORGET),
        ),
    ),
)
