"""What an interrupted run of chapter 10 may have left in the lab, as changes that take it back. Nothing at home."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import ip_rule, link, login, mss_clamp, nic_mtu, prefs, tunnel_mtu
from homelab.stages import gotchas, gotchas_ways, services
from homelab.vantage import seat

if TYPE_CHECKING:
    from homelab.world import World

WHY = "left by a run that was interrupted"
NETWORKS = {services.ROLE: gotchas.WSL_NETWORK, "flat_router": "internet", "home_router": "internet"}


def mend(world: World, wish: gotchas.Params) -> None:
    """Take back what an interrupted run left, and the bridge of a whole one: the chapter begins without it."""
    steps: tuple[Callable[[], Plan], ...] = (
        lambda: leftovers(world),
        lambda: gotchas.forget_windows(world),
        lambda: gotchas.removed(services.home(world), wish),
    )
    for step in steps:
        if world.lab and (plan := step()):
            world.apply(plan)


def leftovers(world: World) -> Plan:
    """Links, clamps, rules, and the second client as they are between two runs; `forget_windows` comes after it."""
    needed = {*NETWORKS, gotchas.WINDOWS, gotchas_ways.ACCEPTS}
    if not world.lab or not needed <= set(world.machines):
        return Plan(gotchas.STAGE)
    made: list[Change] = []
    for role, network in NETWORKS.items():
        now = link.read(world[role], network)
        sound = link.State(role, network, "cone" if now.nat else "")
        made += change(role, "link", now, sound, WHY, name=network)
    made += _of_tequila(world)
    machine, role = world[gotchas_ways.ACCEPTS], gotchas_ways.ACCEPTS
    rule, told = ip_rule.read(machine, gotchas_ways.LAN), prefs.read(machine)
    made += change(role, "ip_rule", rule, ip_rule.State(gotchas_ways.LAN), WHY, name=gotchas_ways.LAN)
    made += change(role, "prefs", told, dataclasses.replace(told, accept_routes=False), WHY)
    windows = seat(world, gotchas.WINDOWS)
    now_in = login.read(windows)
    if now_in.node == login.RUNNING:
        made += change(
            windows.name,
            "login",
            now_in,
            login.State(login.NEEDS_LOGIN, login_server=now_in.login_server),
            WHY,
        )
    return planned(gotchas.STAGE, made, gotchas.other_client(world, False).changes)


def _of_tequila(world: World) -> list[Change]:
    machine, role = world[services.ROLE], services.ROLE
    nic = nic_mtu.way_out(machine)
    width, tunnel, clamp = nic_mtu.read(machine, nic), tunnel_mtu.read(machine), mss_clamp.read(machine)
    return [
        *change(role, "nic_mtu", width, nic_mtu.State(nic, gotchas.WIDE), WHY, name=nic),
        *change(role, "tunnel_mtu", tunnel, dataclasses.replace(tunnel, mtu=None), WHY),
        *change(role, "mss_clamp", clamp, mss_clamp.State(clamp.nic), WHY, name=clamp.nic),
    ]
