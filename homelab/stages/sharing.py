"""03, enrollment: one device shared with somebody who has a tailnet of their own, and one port of it opened."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_interface
from typing import TYPE_CHECKING

from homelab import needs
from homelab.errors import PrerequisiteMissing
from homelab.lab_machine import LabMachine
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.policy import policyfile
from homelab.reach import Reach, Target, who_reaches_what
from homelab.resources import login, page, policy, share
from homelab.resources.tailscale_status import owner, peers, status
from homelab.stages.enrollment import NO_KEY, STAGE

if TYPE_CHECKING:
    from homelab.world import World

DEVICE, GUEST, LAPTOP = "tequila", "visitor", "laptop"  # what is shared; the guest's machine, and its name
BOB = "bob@example.com"
PORT = 8000
ONLY_THE_LAB = "Only the lab has somebody to share a device with."
EVERYBODY = {"src": ["*"], "dst": ["*"], "ip": ["*"]}  # the first day's rule
OURS = {**EVERYBODY, "src": ["autogroup:member", "autogroup:tagged"]}
THEIRS = {"src": ["autogroup:shared"], "dst": [DEVICE], "ip": [f"tcp:{PORT}"]}
HIS = "Bob's laptop"  # what the guest's machine plays here
WHO = ("phone", GUEST, DEVICE)  # ours, the guest's, and the device between
WHAT = (
    Target(DEVICE, PORT, "the shared page"),
    Target(DEVICE, 22),
    Target("phone"),
    Target(LAPTOP, PORT, "Bob's own page"),
)


def plan(world: World) -> Plan:
    """Bob's machine in a tailnet of his own; a page on it and on our device; and our device shared with him."""
    if not world.lab or world.tailnet is None:
        return Plan(STAGE, notes=(ONLY_THE_LAB,))
    name = f"{DEVICE} {BOB}"
    before = share.read(world.tailnet, name)
    offered = dataclasses.replace(before, offered=True)
    return planned(
        STAGE,
        guest(world),
        _page(world, DEVICE, "The photos of last summer"),
        _page(world, GUEST, "Bob's own affairs"),
        change("tailnet", "share", before, offered, f"share {DEVICE} with {BOB}", name=name),
    )


def guest(world: World) -> tuple[Change, ...]:
    """What the guest's machine lacks: the client, and Bob's login to a tailnet of his own.

    Raises:
        PrerequisiteMissing: somebody else is signed in there, or Bob is, to the tailnet of our device.
    """
    now = login.read(world[GUEST])
    if now.node == login.RUNNING:
        seen, ours = status(world[GUEST]), status(world[DEVICE])
        whose, where = owner(seen) or "somebody else", seen.get("MagicDNSSuffix")
        if whose != BOB or where == ours.get("MagicDNSSuffix"):
            what = f"{whose} is signed in here, in {where}, and this is Bob's, in a tailnet of his own"
            raise PrerequisiteMissing(what, GUEST, f"`tailscale logout` on {GUEST} first")
        return ()
    first = needs.installed(GUEST)(world)
    fresh = login.State(login.NEEDS_LOGIN) if first else now
    his = dataclasses.replace(login.wanted(LAPTOP, login_server=world.login_server), by=BOB)
    return (*first, *change(GUEST, "login", fresh, his, "Bob logs in, to a tailnet of his own", now))


def _page(world: World, role: str, text: str) -> tuple[Change, ...]:
    now = page.read(world[role], str(PORT))
    return change(role, "page", now, page.State(PORT, text), f"a page on port {PORT}", name=str(PORT))


def one_port(world: World) -> Plan:
    """The policy, so that our own devices reach everything, and guests of the shared device one port of it.

    A policy that has rules of its own instead of the first day's is left alone.
    """
    if world.tailnet is None:
        return Plan(STAGE, notes=(NO_KEY,))
    now = policy.read(world.tailnet)
    rules = policyfile.data(now.text).get("grants", [])
    if EVERYBODY not in rules and OURS not in rules:
        return Plan(STAGE, notes=("The policy has rules of its own, which nobody here wants to guess at.",))
    address = str(login.read(world[DEVICE]).address)
    text = policyfile.changed_item(now.text, "grants", EVERYBODY, OURS)
    text = policyfile.with_item(text, "grants", THEIRS)
    text = policyfile.with_key(text, "hosts", DEVICE, address)
    edit = change("tailnet", "policy", now, policy.State(text), f"guests reach port {PORT} of {DEVICE}")
    return planned(STAGE, edit)


def reach(world: World) -> Reach:
    """Who of the three reaches what: the page and another port of the device, our phone, and the guest's laptop."""
    return who_reaches_what(world, WHO, WHAT, called={GUEST: HIS})


def shared_page(world: World) -> str:
    """Where the guest finds our page, as host:port; the device keeps its long name in his tailnet."""
    names = [str(p["DNSName"]).rstrip(".") for p in peers(status(world[GUEST]))]
    return f"{next((n for n in names if n.startswith(f'{DEVICE}.')), DEVICE)}:{PORT}"


def bobs_page(world: World) -> tuple[str, str]:
    """Where Bob's page stands, as host:port: on the internet, and in the tailnet that is his."""
    machine = world[GUEST]
    first = next(iter(machine.addresses.values())) if isinstance(machine, LabMachine) else None
    public = ip_interface(first).ip if first else ""
    return f"{public}:{PORT}", f"{login.read(world[GUEST]).address}:{PORT}"
