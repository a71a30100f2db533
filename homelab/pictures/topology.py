"""The lab drawn from its status document: who is on which network, who translates, what is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from homelab.pictures import shapes
from homelab.pictures.layout import Layout, Span, Spot, internet_of, lay_out
from homelab.pictures.picture import (
    BLUE,
    BROKEN,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SOFT,
    STRAINED,
    Picture,
    canvas,
)  # fmt: skip

COLUMN, ROW, MARGIN, LEGEND = 1.52, 0.95, 0.18, 0.36  # inches
CARD = (1.4, 0.68)
HUES = (ORANGE, GREEN, PURPLE, SKY)
FADED = (
    0.55  # of what is beside the point: a name there has a contrast of 3 to 1 and more, and can still be read
)

Link = Mapping[str, Any]


def topology(
    status: Mapping[str, Any], highlight: Sequence[str] = (), title: str = "The lab: who is connected to what"
) -> Picture:
    """A picture of the lab from its status document (``world.lab``) alone.

    `highlight` names machines: they stay strong while the others fade, and the wires between
    neighbours in it are drawn as a path. Links that are cut or strained are always marked.
    """
    return Picture(_Drawing(status, highlight).figure, describe(status), title)


class _Drawing:
    def __init__(self, status: Mapping[str, Any], highlight: Sequence[str]) -> None:
        self.machines: Mapping[str, Any] = status["machines"]
        self.networks: Mapping[str, Any] = status["networks"]
        self.links = {(k["machine"], k["network"]): k for k in status.get("links", ())}
        self.layout: Layout = lay_out(status)
        self.internet = internet_of(status)
        self.chosen = set(highlight)
        self.path = dict(self._hops(highlight))
        rows = self.layout.bottom - self.layout.top + 1
        self.height = rows * ROW + LEGEND + 2 * MARGIN
        self.figure, self.axes = canvas(self.layout.columns * COLUMN + 2 * MARGIN, self.height)
        hanging = sorted(self.layout.networks.items(), key=lambda kv: (kv[1].depth, kv[1].left))
        names = [name for name, _ in hanging if name != self.internet]
        self.hue = {self.internet: BLUE} | {n: HUES[i % len(HUES)] for i, n in enumerate(names)}
        for name in names:
            self._region(name, self.layout.networks[name])
        for name in self.machines:
            for network in self.machines[name]["addresses"]:
                self._wire(name, network)
        for name, span in self.layout.networks.items():
            self._network(name, span)
        for name, spot in self.layout.machines.items():
            self._card(name, spot)
        self._legend()

    def _hops(self, names: Sequence[str]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """For each end of a hop between neighbours, the other end; an end is a machine and a network."""
        found = []
        for one, other in pairwise(names):
            for network in self.machines.get(one, {}).get("addresses", ()):
                if network in self.machines.get(other, {}).get("addresses", ()):
                    found += [((one, network), (other, network)), ((other, network), (one, network))]
                    break
        return found

    def _x(self, column: float) -> float:
        return MARGIN + column * COLUMN

    def _y(self, row: float) -> float:
        return self.height - MARGIN - (row - self.layout.top + 0.5) * ROW

    def _strength(self, *machines: str) -> float:
        return 1.0 if not self.chosen or self.chosen & set(machines) else FADED

    def _region(self, name: str, span: Span) -> None:
        inset = 0.05 + 0.07 * (span.depth - 1)
        shapes.region(
            self.axes,
            (self._x(span.left) + inset, self._x(span.right) - inset),
            (self._y(span.bottom) - CARD[1] / 2 - 0.19 + inset, self._y(span.row - 1)),
            self.hue[name],
        )

    def _wire(self, machine: str, network: str) -> None:
        spot, span = self.layout.machines[machine], self.layout.networks[network]
        x, start, end = self._x(spot.x), self._y(spot.row), self._y(span.row)
        side = 1 if end > start else -1
        edge = start + side * CARD[1] / 2
        link = self.links.get((machine, network), {})
        other = self.path.get((machine, network))
        strength = 1.0 if other else self._strength(machine)
        colour = INK if other else SOFT
        marks = strains(link)
        if marks:
            strength, colour = 1.0, BROKEN if link.get("cut") else STRAINED
        to = min(max(x, self._x(span.left) + 0.2), self._x(span.right) - 0.2)
        end -= shapes.BELOW_TEXT if network == self.internet else 0.0
        shapes.wire(
            self.axes, (x, edge), (to, end), colour, strength, strong=bool(other), cut=bool(link.get("cut"))
        )
        if other:
            shapes.wire(
                self.axes, (to, end), (self._x(self.layout.machines[other[0]].x), end), INK, 1.0, strong=True
            )
        beside = edge + side * 0.19  # above what stands on the card's edge
        address = self.machines[machine]["addresses"][network].partition("/")[0]
        shapes.note(
            self.axes,
            (x + (0.11 if link.get("cut") else 0.07), beside),
            address,
            SOFT if not marks else colour,
            strength,
        )
        if marks:
            shapes.note(self.axes, (x - 0.1, beside), ", ".join(marks), colour, 1.0, left_of=True, bold=True)

    def _network(self, name: str, span: Span) -> None:
        prefix = self.networks[name]["prefix"]
        here = [m for m, spot in self.machines.items() if name in spot["addresses"]]
        strength = self._strength(*here)
        sides, y = (self._x(span.left), self._x(span.right)), self._y(span.row)
        if name == self.internet:
            shapes.cloud(self.axes, sides, y, self.hue[name], f"the internet  ·  {prefix}")
        else:
            shapes.bar(self.axes, sides, y, self.hue[name], name, prefix, strength)

    def _card(self, name: str, spot: Spot) -> None:
        machine = self.machines[name]
        role = "" if machine.get("role", "").lower().replace(" ", "_") == name else machine.get("role", "")
        lines = [machine["tailnet_ip"]] if machine.get("tailnet_ip") else []
        lines = shapes.lines(role, CARD[0], most=2 - len(lines)) + lines
        tags = []
        if machine.get("stand_in"):
            tags.append(("stand-in", PURPLE))
        if machine.get("nat"):
            nats = [k.get("nat") for (m, _), k in self.links.items() if m == name and k.get("nat")]
            tags.append(("symmetric NAT" if "symmetric" in nats else "NAT", INK))
        shapes.card(
            self.axes, (self._x(spot.x), self._y(spot.row)), CARD, name, lines, tags,
            dot=dot(machine.get("tailscale")), strength=self._strength(name), strong=name in self.chosen,
        )  # fmt: skip

    def _legend(self) -> None:
        found = self.machines.values()
        items: list[tuple[str, str, str]] = []
        if any(m.get("nat") for m in found):
            items.append(("tag", "NAT", "hides who is behind it"))
        if any(m.get("stand_in") for m in found):
            items.append(("tag", "stand-in", "plays a service that is not in the lab"))
        if any(dot(m.get("tailscale")) == "full" for m in found):
            items.append(("dot", "full", "in the tailnet"))
        if any(dot(m.get("tailscale")) == "empty" for m in found):
            items.append(("dot", "empty", "has tailscale, is not in the tailnet"))
        shapes.legend(self.axes, (MARGIN + 0.1, MARGIN + 0.1), items)


def dot(tailscale: str | None) -> str:
    """How a machine's tailscale is marked: ``full`` in the tailnet, ``empty`` installed, or not at all."""
    if tailscale in (None, "", "none", "not installed"):
        return ""
    return "full" if tailscale == "Running" else "empty"


def strains(link: Link) -> list[str]:
    """What is not as it should be on a link, in a few words each; nothing on a sound one."""
    if link.get("cut"):
        return ["cut"]
    found = []
    if link.get("delay_ms"):
        found.append(f"{link['delay_ms']:g} ms")
    if link.get("loss_pct"):
        found.append(f"{link['loss_pct']:g} % lost")
    if link.get("udp") == "block":
        found.append("no UDP")
    if link.get("mtu") and link["mtu"] < 1500:
        found.append(f"MTU {link['mtu']}")
    return found


def describe(status: Mapping[str, Any]) -> str:
    """The same facts in words: each network with its machines, then what is wrong with a link."""
    lines = []
    for name, network in status["networks"].items():
        here = [
            f"{m} ({machine['addresses'][name].partition('/')[0]}{', NAT' if machine.get('nat') else ''})"
            for m, machine in status["machines"].items()
            if name in machine["addresses"]
        ]
        lines.append(f"{name} {network['prefix']}: {', '.join(here)}")
    for link in status.get("links", ()):
        if marks := strains(link):
            lines.append(f"{link['machine']}'s link to {link['network']}: {', '.join(marks)}")
    return "\n".join(lines)
