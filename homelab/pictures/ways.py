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
from homelab.pictures.picture import BLUE, BROKEN, FAINT, INK, SOFT, STRAINED, TINTS, Picture, canvas
from homelab.pictures.route import LOOKS
from homelab.pictures.topology import strains
from homelab.ways import WORDS, Way

CARD, GAP, BAND, ROW = (1.4, 0.52), 0.54, 1.62, 0.84  # inches; the band is the internet
MARGIN, LANE, TOP, LEGEND = 0.16, 0.1, 0.74, 0.3  # inches
SHOWN = {"direct": LOOKS["direct"], "relayed": LOOKS["relayed"], "down": LOOKS["lost"]}
ASKED: tuple[str, float, object] = (SOFT, 1.6, (0, (1, 2.5)))
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
        self.door = (middle[0], self.height - MARGIN - 0.1 - CARD[1] / 2)
        relays = sorted({_relay(w.by) for w in self.ways if w.kind == "relayed"})
        self._card(self.door, self.relay or "relay", ", ".join(relays) or "relays", bool(relays))
        if self.relay:
            self._marks((middle[0], self.door[1] - CARD[1] / 2), self.relay, self.internet)

    def _near(self) -> None:
        """From the node on the left to its way out: one cable for all lanes."""
        for n, name in enumerate(self.near):
            x = MARGIN + CARD[0] / 2 + n * (CARD[0] + GAP)
            self._cable(x, self.middle, len(self.ways))
            self._card((x, self.middle), name, "" if n else "from here", n == 0)
            self._gap(
                x + CARD[0] / 2, self.middle - LANE * len(self.ways) / 2, name, self.near[n + 1 : n + 2]
            )

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
            self._gap(before, y - LANE / 2, name, chain[k - 1 : k] if k else [])
            about = way.words if last else ""
            self._card((x, y), name, about, last, SHOWN.get(way.kind, ASKED)[0] if last else SOFT)

    def _right(self, column: int) -> float:
        """The right edge of a far card."""
        return self.band[1] + (column + 1) * (CARD[0] + GAP)

    def _cable(self, x: float, y: float, lanes: int) -> None:
        width = (lanes * LANE + 0.04) * 72  # points
        start, end = x + CARD[0] / 2, x + CARD[0] / 2 + GAP
        self.axes.plot([start, end], [y, y], color=FAINT, linewidth=width, zorder=1.5, solid_capstyle="butt")

    def _gap(self, left: float, low: float, name: str, other: Sequence[str]) -> None:
        """What is wrong with the wire to the right of `left`: between `name` and its neighbour, or to the internet."""
        near = set(self.machines[name]["addresses"])
        both = [name, *other]
        network = next(iter(near & set(self.machines[other[0]]["addresses"])), "") if other else self.internet
        n = 0
        for machine in both:
            n += self._marks((left + GAP / 2, low - 0.12 - 0.13 * n), machine, network)

    def _marks(self, at: tuple[float, float], machine: str, network: str) -> int:
        """The strains of a wire, one below the other; how many."""
        link = self.links.get((machine, network), {})
        hue = BROKEN if link.get("cut") else STRAINED
        for n, words in enumerate(found := strains(link)):
            self._text((at[0], at[1] - 0.13 * n), words, 8, hue, bold=True)
        return len(found)

    def _card(self, at: tuple[float, float], name: str, about: str, strong: bool, hue: str = SOFT) -> None:
        shapes.box(
            self.axes, at, CARD, "#ffffff", INK if strong else SOFT, line=1.7 if strong else 0.9, order=4.5
        )
        up = 0.08 if about else 0.0
        self._text((at[0], at[1] + up), shapes.fit(name, CARD[0], 10), 10, INK, bold=strong)
        if about:
            self._text((at[0], at[1] - 0.11), shapes.fit(about, CARD[0] + 0.14, 8), 8, hue, bold=hue != SOFT)
        nats = {k.get("nat") for (m, _), k in self.links.items() if m == name} - {None, ""}
        if nats:
            words = "symmetric NAT" if "symmetric" in nats else "NAT"
            shapes.tag(
                self.axes,
                (at[0] + CARD[0] / 2 - 0.06, at[1] + CARD[1] / 2),
                words,
                BROKEN if len(words) > 3 else INK,
            )

    def _line(self, n: int, way: Way) -> None:
        hue, width, dashes = SHOWN.get(way.kind, ASKED)
        start = MARGIN + CARD[0]
        y0 = self.middle + ((len(self.ways) - 1) / 2 - n) * LANE
        y1, end = self.rows[n], self._right(self.columns - 1) - CARD[0]
        points = [(start, y0), *self._across(n, way, y0, y1), (end, y1)]
        crossed = None
        if way.kind == "down":
            points, crossed = self._until(points, n)
        look: Any = {
            "color": hue,
            "linewidth": width,
            "linestyle": dashes,
            "dash_capstyle": "butt",
            "zorder": 4,
        }
        self.axes.plot([x for x, _ in points], [y for _, y in points], solid_joinstyle="round", **look)
        for x, y in [points[0]] if crossed else [points[0], points[-1]]:
            self.axes.plot([x], [y], marker="o", markersize=6, color=hue, markeredgecolor="#ffffff", zorder=7)
        if crossed:
            self.axes.plot(
                [crossed[0]],
                [crossed[1]],
                marker="X",
                markersize=12,
                color=hue,
                markeredgecolor="#ffffff",
                zorder=7,
            )

    def _across(self, n: int, way: Way, y0: float, y1: float) -> list[tuple[float, float]]:
        """Through the internet, with each lane at a place of its own, so that lines of one look do not meet."""
        share = (n + 1) / (len(self.ways) + 1)
        left = self.band[0]
        if way.kind == "relayed":
            top, up, down = (
                self.door[1] - CARD[1] / 2,
                left + BAND * 0.3 * share,
                self.band[1] - BAND * 0.3 * share,
            )
            up, down = left + 0.14 + (up - left), down - 0.14
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
        between = set(self.machines[name]["addresses"])
        if other:
            between &= set(self.machines[other[0]]["addresses"])
        else:
            between &= {self.internet}
        return any(self.links.get((m, net), {}).get("cut") for m in (name, *other) for net in between)

    def _legend(self) -> None:
        x, y = MARGIN + 0.1, MARGIN + 0.08
        for kind, words in MEANS.items():
            hue, width, dashes = SHOWN[kind]
            look: Any = {"color": hue, "linewidth": width, "linestyle": dashes}
            self.axes.plot([x, x + 0.42], [y, y], **look)
            if kind == "down":
                self.axes.plot(
                    [x + 0.42], [y], marker="X", markersize=9, color=hue, markeredgecolor="#ffffff"
                )
            self.axes.text(x + 0.54, y, words, fontsize=9, color=SOFT, va="center")
            x += 0.54 + len(words) * 9 * shapes.LETTER + 0.3

    def _text(self, at: tuple[float, float], words: str, size: float, hue: str, bold: bool = False) -> None:
        axes: Axes = self.axes
        axes.text(
            *at, words, fontsize=size, color=hue, ha="center", va="center", zorder=6,
            fontweight="bold" if bold else "normal",
        )  # fmt: skip


assert set(MEANS) | {"asked"} == set(WORDS)
