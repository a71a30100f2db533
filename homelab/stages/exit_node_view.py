"""What the exit node's chapter shows: the route of a question to the internet, the list, and what a router saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from homelab import route
from homelab.pictures.route import Leg
from homelab.pictures.route import route as drawn
from homelab.pictures.tables import Table
from homelab.resources import meter
from homelab.routing import exit_nodes
from homelab.vantage import Nobody

if TYPE_CHECKING:
    from homelab.checks.path import Pong
    from homelab.machine import Machine
    from homelab.pictures.picture import Picture
    from homelab.stages.exit_node import Params
    from homelab.world import World

SERVER = "cloud"  # what-is-my-ip lives there
CALLED = "cloud (what is my IP)"


def straight(world: World, wish: Params) -> Picture:
    """Without an exit node: from the traveller to the internet, open to everyone in between."""
    return drawn([_plain(world, wish.traveller, "comes from the flat")], "Without an exit node")


def through(world: World, wish: Params, node: str, pongs: Sequence[Pong]) -> Picture:
    """By the exit node `node` (a role): in the tunnel up to it, open after it."""
    legs = route.legs(world, wish.traveller, node, pongs)
    return drawn([*legs, _plain(world, node, f"comes from {node}")], f"Through {node}")


def dead(world: World, wish: Params) -> Picture:
    """The exit node does not answer: the packets end there, and nothing goes another way."""
    leg = replace(route.plain(world, wish.traveller, wish.exit_node), way="lost", inside="WireGuard")
    return drawn([replace(leg, note="no answer, and no other way")], f"{wish.exit_node} is gone")


def choices(machine: Machine) -> Table:
    """What ``tailscale exit-node list`` offers `machine`."""
    if isinstance(machine, Nobody) or machine.pending.count:
        return Table(("exit node",), (), "Not asked: no such machine here, or changes wait.")
    rows = [(n.name, n.city or "–", n.country or "–", n.status or "–") for n in exit_nodes.offered(machine)]
    return Table(
        ("exit node", "city", "country", "status"), tuple(rows), "There is no exit node to choose from."
    )


def passed(moments: dict[str, meter.Counts]) -> Table:
    """What a router passed on in each of the `moments`."""
    head = ("", "packets in the tunnel", "packets of TLS", "questions for names", "begun in the clear")
    rows = [(moment, *(str(getattr(c, k)) for k in meter.KINDS)) for moment, c in moments.items()]
    return Table(head, tuple(rows))


def _plain(world: World, start: str, note: str) -> Leg:
    return replace(route.plain(world, start, SERVER, note=note), end=CALLED)
