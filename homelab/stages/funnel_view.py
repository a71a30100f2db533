"""The quiz in a table and a picture: who may see it, and by which way, from inside and from outside."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from homelab import route
from homelab.listeners import listeners, said
from homelab.pictures.qr import QrCode
from homelab.pictures.route import Leg, routes
from homelab.pictures.tables import Table
from homelab.resources import consent, serve
from homelab.stages.funnel import PHONE, RELAY, VISITOR, Params, home, host, url
from homelab.vantage import Nobody

if TYPE_CHECKING:
    from homelab.pictures.picture import Picture
    from homelab.world import World

FRONT = "relay (Funnel)"
NOTE = "the relay reads the name and hands the bytes on; the key of the certificate is at the end"


def ways(world: World) -> Picture | Table:
    """Both strips, of those ways that somebody here can go; at home mostly none."""
    end = home(world).name
    named: dict[str, list[Leg]] = {}
    if not home(world).pending.count:
        if PHONE in world.machines:
            named["from the phone, in the tailnet"] = [
                dataclasses.replace(leg, inside="TLS in WireGuard") for leg in route.legs(world, PHONE, end)
            ]
        if VISITOR in world.machines:
            through = route.plain(world, RELAY, end).through
            outside = Leg(VISITOR, end, "relayed", "TLS", through, NOTE, FRONT, 0)
            named["from the internet, by Funnel"] = [outside]
    if not named:
        return Table(
            ("ways",), (), "Nobody has gone either way from here: look from outside, and draw your own."
        )
    return routes(named, "Two ways to the quiz" if len(named) == 2 else "A way to the quiz")


def code(world: World, wish: Params) -> QrCode | Table:
    """The address for phones; none as long as it is not the address of a page that everybody may see."""
    if not host(world) or home(world).pending.count:
        return Table(("address",), (), "There is no public page yet, and so no code for it.")
    return QrCode(url(world, wish), "The quiz, for everybody")


def standing(world: World, wish: Params) -> Table:
    """How it stands with the machine that is to show the quiz: who listens, what is shown, what is allowed."""
    machine = home(world)
    if isinstance(machine, Nobody):
        return Table(("the machine",), ((machine.why,),))
    rows = (
        (f"{machine.name} in the tailnet", host(world) or "not yet"),
        (f"ports that programs on {machine.name} listen on", said(listeners(machine))),
        (f"shown on port {wish.port}", serve.words(serve.read(machine, str(wish.port)))),
        ("Funnel in this tailnet", "allowed" if consent.read(machine).given else "not allowed yet"),
    )
    return Table(("question", "now"), rows)
