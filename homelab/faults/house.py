"""Faults of the house: Windows, its WSL, and what stands between them."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address
from typing import TYPE_CHECKING

from homelab.checks import wsl
from homelab.errors import HomelabError
from homelab.faults.fault import BREAK, MEND, Fault
from homelab.plan import Plan, change
from homelab.plan import plan as planned
from homelab.resources import portproxy
from homelab.stages import gotchas
from homelab.wsl import facts, where

if TYPE_CHECKING:
    from homelab.world import World

BRIDGE = gotchas.Params.model_construct()
DOOR = f"{portproxy.EVERY}:{BRIDGE.port}"

TWO_DAEMONS = Fault(
    "two-daemons",
    "“I put Tailscale on Windows as well, it can't hurt. Since then large photos from Tequila stall.”",
    "03_enrollment",
    lambda world, seconds: (lambda: wsl.one_tailscaled(world["tequila"], facts.gather(world["tequila"])),),
    lambda world: dataclasses.replace(gotchas.other_client(world, True), stage=BREAK),
    (
        "Two of them on one computer. Of what?",
        "WSL has a tailscaled of its own. Does Windows run one too, and start it at logon?",
    ),
    ("run Tailscale in WSL only: two on one computer take each other's packets",),
)


def _leads(world: World, address: str, stage: str, why: str) -> Plan:
    now = portproxy.read(world["tequila"], DOOR)
    port = now.connect.rpartition(":")[2]
    if not now.connect:
        raise HomelabError(f"nothing is proxied on {DOOR}", "windows", "10_gotchas builds that bridge")
    leads = portproxy.State(DOOR, f"{address}:{port}")
    return planned(stage, change("tequila", "portproxy", now, leads, why, name=DOOR))


def _yesterdays_address(world: World) -> Plan:
    today = where.look(world["tequila"]).address
    yesterday = str(ip_address(today) + 256)  # of the same network, which is a /20
    return _leads(world, yesterday, BREAK, "lead to the address that WSL had yesterday")


PORTPROXY_ADDRESS = Fault(
    "portproxy-address",
    "“After last night's restart the lamp in the hall no longer reports. The port is open, I tried.”",
    "10_gotchas",
    lambda world, seconds: (lambda: wsl.leads_here(world["tequila"], BRIDGE.port),),
    _yesterdays_address,
    (
        "The lamp gets as far as Windows. Where does Windows lead it?",
        "`netsh interface portproxy show all` on Windows, and `hostname -I` in WSL: WSL has another address after each start.",
    ),
    mends=lambda world, broken: _leads(
        world,
        where.look(world["tequila"]).address,
        MEND,
        "lead to the address that WSL has now: it changes with each start",
    ),
)
