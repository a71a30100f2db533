"""The ways from one node to others across the internet, with the wires that they take and what is wrong with those.

Hue never speaks alone: a direct way is a whole line, a relayed one is dashed and bends through the relay, one
without an answer is dotted and ends in a cross; each says its word on the card at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from homelab.pictures import shapes
from homelab.pictures.layout import internet_of, path
from homelab.pictures.picture import BLUE, BROKEN, FAINT, INK, PAPER, SOFT, STRAINED, TINTS, Picture, canvas
from homelab.pictures.route import LOOKS
from homelab.pictures.topology import strains
from homelab.ways import WORDS, Way

CARD, GAP, BAND, ROW = (1.26, 0.68), 0.46, 1.46, 0.94  # inches; the band is the internet
MARGIN, LANE, TOP, LEGEND = 0.14, 0.1, 0.86, 0.3  # inches
SHOWN = {"direct": LOOKS["direct"], "relayed": LOOKS["relayed"], "down": LOOKS["lost"]}
ASKED: tuple[str, float, object] = (SOFT, 1.6, (0, (1, 2.5)))
NAME, KIND, REST = 10.4, 9.2, 8.6  # points
MEANS = {"direct": "direct", "relayed": "by a relay", "down": "no answer"}


def ways(status: Mapping[str, Any], found: Sequence[Way], title: str = "") -> Picture:
    """A drawing of the ways `found`, all from one node, over the lab of the document `status`."""
    return Picture(_Drawing(status, found).figure, describe(status, found), title)


def describe(status: Mapping[str, Any], found: Sequence[Way]) -> str:
    """The same in words: a line for each way, then what is wrong with a wire."""
    lines = []
    for way in found:
        by = f", {_relay(way.by) if way.kind == 'relayed' else f'to {way.by}'}" if way.by else ""
        lines.append(f"{way.start} → {way.end}: {way.words}{by}{f' ({way.why})' if way.why else ''}")
    for link in status.get("links", ()):
        marks = [*strains(link), *(["symmetric NAT"] if link.get("nat") == "symmetric" else [])]
        if marks:
            lines.append(f"{link['machine']}'s wire to {link['network']}: {', '.join(marks)}")
    return "\n".join(lines) or "No way was measured."


def chains(status: Mapping[str, Any], start: str, end: str) -> tuple[list[str], list[str]]:
    """The machines on the near side of the internet, and those on the far side; both empty where it is not between."""
    way = path(status, start, end)
    public = [n for n, m in enumerate(way) if internet_of(status) in status["machines"][m]["addresses"]]
    return (way[: public[0] + 1], way[public[1] :]) if len(public) > 1 else ([], [])


def relay_of(status: Mapping[str, Any]) -> str:
    """The machine that plays the relays."""
    return next((n for n, m in status["machines"].items() if m.get("role") == "cloud"), "")


def _relay(via: str) -> str:
    return f"relay {via.removeprefix('DERP(').rstrip(')')}"


def _about(way: Way) -> list[tuple[str, str]]:
    """The lines of the card at the end of `way`: how packets go, then how long it takes and what gets lost."""
    kind, _, rest = way.words.partition(", ")
    return [(kind, SHOWN.get(way.kind, ASKED)[0]), *([(rest, SOFT)] if rest else [])]


class _Drawing:
    def __init__(self, status: Mapping[str, Any], found: Sequence[Way]) -> None:
        self.machines: Mapping[str, Any] = status["machines"]
        self.links = {(k["machine"], k["network"]): k for k in status.get("links", ())}
        self.internet, self.relay = internet_of(status), relay_of(status)
        drawn = [(way, *chains(status, way.start, way.end)) for way in found]
        self.ways = [way for way, near, _ in drawn if near]
        self.far = [far for _, near, far in drawn if near]
        self.near: list[str] = next((near for _, near, _ in drawn if near), [])
        self.columns = max([1, *map(len, self.far)])
        left = len(self.near) * (CARD[0] + GAP)
        width = 2 * MARGIN + left + BAND + self.columns * (CARD[0] + GAP)
        self.height = 2 * MARGIN + TOP + max(1, len(self.far)) * ROW + LEGEND
        self.band = (MARGIN + left, MARGIN + left + BAND)
        self.figure, self.axes = canvas(width, self.height)
        self.rows = [self.height - MARGIN - TOP - (n + 0.5) * ROW for n in range(len(self.far))]
        self.middle = sum(self.rows) / len(self.rows) if self.rows else self.height / 2
        self._internet()
        self._near()
        for n in range(len(self.ways)):
            self._far(n)
        for n, way in enumerate(self.ways):
            self._line(n, way)
        self._legend()

    def _internet(self) -> None:
        (left, right), low = self.band, MARGIN + LEGEND
        middle = ((left + right) / 2, (low + self.height - MARGIN) / 2)
        shapes.box(
            self.axes, middle, (BAND, self.height - MARGIN - low), TINTS[BLUE], BLUE, radius=0.2, order=1
        )
        self._text((middle[0], low + 0.13), "the internet", 8.6, BLUE, bold=True)
        self.door = (middle[0], self.height - MARGIN - 0.12 - CARD[1] / 2)
        relays = sorted({_relay(w.by) for w in self.ways if w.kind == "relayed"})
        self._card(self.door, self.relay or "relay", bool(relays), [(", ".join(relays) or "relays", SOFT)])
        self._marks((middle[0], self.door[1] - CARD[1] / 2), self.relay, [])

    def _near(self) -> None:
        """From the node on the left to its way out: one cable for all lanes."""
        for n, name in enumerate(self.near):
            x = MARGIN + CARD[0] / 2 + n * (CARD[0] + GAP)
            self._cable(x, self.middle, len(self.ways))
            self._card((x, self.middle), name, n == 0, [] if n else [("from here", SOFT)])
            right = x + CARD[0] / 2 + GAP / 2
            self._marks((right, self.middle - CARD[1] / 2), name, self.near[n + 1 : n + 2])

    def _far(self, n: int) -> None:
        """From the internet to the end of way `n`, which stands in the last column."""
        way, chain, y = self.ways[n], self.far[n], self.rows[n]
        for k, name in enumerate(chain):
            last = k == len(chain) - 1
            x = self.band[1] + GAP + CARD[0] / 2 + (self.columns - 1 if last else k) * (CARD[0] + GAP)
            before = self._right(k - 1) if k else self.band[1]
            self.axes.plot(
                [before, x - CARD[0] / 2], [y, y], color=FAINT, linewidth=7, zorder=1.5, solid_capstyle="butt"
            )
            self._marks((before + GAP / 2, y - CARD[1] / 2), name, chain[k - 1 : k] if k else [])
            self._card((x, y), name, last, _about(way) if last else [])

    def _right(self, column: int) -> float:
        """The right edge of a far card."""
        return self.band[1] + (column + 1) * (CARD[0] + GAP)

    def _cable(self, x: float, y: float, lanes: int) -> None:
        width = (lanes * LANE + 0.04) * 72  # points
        start, end = x + CARD[0] / 2, x + CARD[0] / 2 + GAP
        self.axes.plot([start, end], [y, y], color=FAINT, linewidth=width, zorder=1.5, solid_capstyle="butt")

    def _marks(self, at: tuple[float, float], name: str, other: Sequence[str]) -> None:
        """What is wrong with the wire between `name` and its neighbour, or the internet: below the cards' edge at `at`."""
        found = [link for machine in (name, *other) for link in self._links(machine, name, other)]
        words = ", ".join(mark for link in found for mark in strains(link))
        hue = BROKEN if any(link.get("cut") for link in found) else STRAINED
        self._text((at[0], at[1] - 0.1), words, REST, hue, bold=True)

    def _links(self, machine: str, name: str, other: Sequence[str]) -> list[Mapping[str, Any]]:
        """The ends at `machine` of the wire between `name` and its neighbour, or the internet."""
        networks = set(self.machines.get(name, {}).get("addresses", ()))
        networks &= set(self.machines[other[0]]["addresses"]) if other else {self.internet}
        return [link for (m, network), link in self.links.items() if m == machine and network in networks]

    def _card(
        self, at: tuple[float, float], name: str, strong: bool, about: Sequence[tuple[str, str]] = ()
    ) -> None:
        """A machine: its name, and lines below it with the hue of each; the first of a hue of its own is bold."""
        (x, y), top = at, at[1] + CARD[1] / 2
        shapes.box(
            self.axes, at, CARD, PAPER, INK if strong else SOFT, line=1.7 if strong else 0.9, order=4.5
        )
        y += 0.16 * len(about) / 2
        self._text((x, y), shapes.fit(name, CARD[0], NAME), NAME, INK, bold=strong)
        for n, (words, hue) in enumerate(about, 1):
            size = REST if hue == SOFT else KIND
            self._text(
                (x, y - 0.02 - 0.17 * n), shapes.fit(words, CARD[0], size), size, hue, bold=hue != SOFT
            )
        nats = {k.get("nat") for (m, _), k in self.links.items() if m == name}
        if nats - {None, ""}:
            words, hue = ("symmetric NAT", BROKEN) if "symmetric" in nats else ("NAT", INK)
            shapes.tag(self.axes, (x + CARD[0] / 2 - 0.05, top), words, hue)

    def _line(self, n: int, way: Way) -> None:
        hue, width, dashes = SHOWN.get(way.kind, ASKED)
        start = MARGIN + CARD[0]
        y0 = self.middle + ((len(self.ways) - 1) / 2 - n) * LANE
        y1, end = self.rows[n], self._right(self.columns - 1) - CARD[0]
        points = [(start, y0), *self._across(n, way, y0, y1), (end, y1)]
        crossed = None
        if way.kind == "down":
            points, crossed = self._until(points, n)
        look: Any = {"color": hue, "linewidth": width, "linestyle": dashes, "dash_capstyle": "butt"}
        self.axes.plot(*zip(*points, strict=True), solid_joinstyle="round", zorder=4, **look)
        ends = [(points[0], "o", 6), (crossed, "X", 12) if crossed else (points[-1], "o", 6)]
        for (x, y), marker, size in ends:
            self.axes.plot(
                [x], [y], marker=marker, markersize=size, color=hue, markeredgecolor=PAPER, zorder=7
            )

    def _across(self, n: int, way: Way, y0: float, y1: float) -> list[tuple[float, float]]:
        """Through the internet, with each lane at a place of its own, so that lines of one look do not meet."""
        share = (n + 1) / (len(self.ways) + 1)
        left = self.band[0]
        if way.kind == "relayed":
            top, inset = self.door[1] - CARD[1] / 2, 0.14 + BAND * 0.28 * share
            up, down = left + inset, self.band[1] - inset
            return [(up, y0), (up, top), (down, top), (down, y1)]
        rising = y1 > y0
        x = left + BAND * (0.36 + 0.28 * (share if rising else 1 - share))
        return [(x, y0), (x, y1)]

    def _until(
        self, points: list[tuple[float, float]], n: int
    ) -> tuple[list[tuple[float, float]], tuple[float, float]]:
        """`points` as far as the first wire that is cut, else up to the last one; and where that is."""
        for k, name in enumerate(self.near):
            if self._cut(name, self.near[k + 1 : k + 2]):
                at = (MARGIN + CARD[0] + k * (CARD[0] + GAP) + GAP / 2, points[0][1])
                return [points[0], at], at
        for k, name in enumerate(self.far[n]):
            if self._cut(name, self.far[n][k - 1 : k] if k else []):
                at = ((self._right(k - 1) if k else self.band[1]) + GAP / 2, points[-1][1])
                return [*points[:-1], at], at
        at = (points[-1][0] - GAP / 2, points[-1][1])
        return [*points[:-1], at], at

    def _cut(self, name: str, other: Sequence[str]) -> bool:
        return any(k.get("cut") for machine in (name, *other) for k in self._links(machine, name, other))

    def _legend(self) -> None:
        x, y = MARGIN + 0.1, MARGIN + 0.08
        for kind, words in MEANS.items():
            hue, width, dashes = SHOWN[kind]
            look: Any = {"color": hue, "linewidth": width, "linestyle": dashes}
            self.axes.plot([x, x + 0.42], [y, y], **look)
            if kind == "down":
                self.axes.plot([x + 0.42], [y], marker="X", markersize=9, color=hue, markeredgecolor=PAPER)
            self.axes.text(x + 0.54, y, words, fontsize=REST, color=SOFT, va="center")
            x += 0.54 + len(words) * REST * shapes.LETTER + 0.3

    def _text(self, at: tuple[float, float], words: str, size: float, hue: str, bold: bool = False) -> None:
        axes: Axes = self.axes
        axes.text(
            *at, words, fontsize=size, color=hue, ha="center", va="center", zorder=6,
            fontweight="bold" if bold else "normal",
        )  # fmt: skip


assert set(MEANS) | {"asked"} == set(WORDS)
