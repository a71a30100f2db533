"""The quiz in a table and a picture: who may see it, and by which way, from inside and from outside."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from homelab import route
from homelab.listeners import listeners, said
from homelab.pictures.route import Leg, routes
from homelab.pictures.tables import Table
from homelab.resources import consent, serve
from homelab.stages.funnel import PHONE, RELAY, VISITOR, Params, home, host
from homelab.vantage import Nobody

if TYPE_CHECKING:
    from homelab.pictures.picture import Picture
    from homelab.world import World

FRONT = "relay (Funnel)"
NOTE = "the relay reads the name and hands the bytes on; the key of the certificate is at the end"


def ways(world: World) -> Picture:
    """Both strips; at home, where nobody plays a visitor, the second one is as it must be."""
    end = home(world).name
    named: dict[str, list[Leg]] = {}
    if PHONE in world.machines and not home(world).pending.count:
        named["from the phone, in the tailnet"] = [
            dataclasses.replace(leg, inside="TLS in WireGuard") for leg in route.legs(world, PHONE, end)
        ]
    through = route.plain(world, RELAY, end).through if world.lab else ()
    outside = Leg(VISITOR, end, "relayed", "TLS", through, NOTE, FRONT, 0)
    return routes({**named, "from the internet, by Funnel": [outside]}, "Two ways to the quiz")


def standing(world: World, wish: Params) -> Table:
    """How it stands with the machine that is to show the quiz: who listens, what is shown, what is allowed."""
    machine = home(world)
    if isinstance(machine, Nobody):
        return Table(("the machine",), ((machine.why,),))
    rows = (
        (f"{machine.name} in the tailnet", host(world) or "not yet"),
        ("listens for itself", said(listeners(machine))),
        (f"shown on port {wish.port}", serve.words(serve.read(machine, str(wish.port)))),
        ("Funnel in this tailnet", "allowed" if consent.read(machine).given else "not allowed yet"),
    )
    return Table(("question", "now"), rows)
