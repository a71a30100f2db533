"""The ways to the quiz as a picture: from inside by WireGuard, from outside through Funnel's front end."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from homelab import route
from homelab.pictures.route import Leg, routes
from homelab.stages.funnel import PHONE, RELAY, VISITOR, home

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
