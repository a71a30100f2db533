"""A route as one strip: machines, the NATs between them, the line that packets take, and what encrypts it.

Hue never speaks alone: a tube has its name and an outline of its own kind, a relay is a bend, a plain
line is thin, a lost one is dotted and crossed, and the words below say all of it once more.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from matplotlib.axes import Axes

from homelab.pictures.picture import (
    BLUE,
    BROKEN,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    SOFT,
    TINTS,
    Picture,
    canvas,
)  # fmt: skip
from homelab.pictures.shapes import LETTER, Point, box, fit

Way = Literal["direct", "relayed", "plain", "lost"]

CARD, GAP, MARGIN = (1.3, 0.86), 0.78, 0.16  # inches
WIDTH = 8.6  # inches: a strip is at least so wide
MOST = 5  # cards side by side: more would shrink on a page until nobody can read them
LANE = 0.23  # inches: how far above a card's lower edge the packets pass
UP = 0.5  # inches: how much higher a relay stands
TITLE, CAPTION, BELOW, LINE, APART = 0.36, 0.3, 0.21, 0.175, 0.2  # inches
THIN, THICK = 0.15, 0.29  # inches: how wide the inner and the outer tube are

LOOKS: dict[str, tuple[str, float, object]] = {  # hue, width (pt) and dashes of the line
    "direct": (GREEN, 3.0, "-"),
    "relayed": (ORANGE, 3.0, (0, (3.2, 1.4))),
    "plain": (INK, 1.2, "-"),
    "lost": (BROKEN, 2.4, (0, (1, 1.6))),
}
TUBES: dict[str, tuple[str, tuple[float, ...]]] = {  # hue, and dashes (pt) of the outline
    "WireGuard": (BLUE, ()),
    "TLS": (PURPLE, (7, 3.5)),
    "SSH": (SKY, (2, 2)),
}
OTHER: tuple[str, tuple[float, ...]] = (SKY, (9, 2, 2, 2))


@dataclass(frozen=True)
class Leg:
    """One piece of a route, between two machines that each open what they get.

    A name may carry a few words in round brackets, shown below it: ``home_router (symmetric NAT)``.
    `inside` names what encrypts the leg; ``TLS in WireGuard`` is a tube in a tube. `through` are the
    routers between, which open nothing. `gap` is where a relay's bend, or the cross of a lost
    packet, is: 0 directly after `start`; by default in the middle, and for lost packets before `end`.
    """

    start: str
    end: str
    way: Way = "direct"
    inside: str = ""
    through: tuple[str, ...] = ()
    note: str = ""
    relay: str = "relay (DERP)"
    gap: int | None = None

    @property
    def bend(self) -> int:
        """The gap of the relay's bend, or of the cross."""
        if self.gap is not None:
            return min(max(self.gap, 0), len(self.through))
        return len(self.through) // 2 if self.way == "relayed" else len(self.through)

    @property
    def tubes(self) -> list[str]:
        """What is around the line, the innermost first."""
        return [name for name in self.inside.split(" in ") if name]

    @property
    def words(self) -> str:
        """How the packets go, and what protects them."""
        if self.way == "lost":
            return "lost on the way"
        ways = {"direct": "direct", "relayed": "through a relay", "plain": ""}
        parts = [
            ways[self.way],
            self.inside and f"inside {self.inside}",
            "" if self.inside else "not encrypted",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class _Stop:
    """A card of a strip: `kind` is ``end`` (opens what it gets), ``between`` or ``relay``."""

    name: str
    about: str
    kind: str


def route(legs: Sequence[Leg], title: str = "") -> Picture:
    """`legs` as one strip where each starts where the one before ended; else a new strip begins below.

    A long one goes on in the next row, which begins with the machine at which the row above ends.
    """
    return routes([("", legs)], title)


def routes(
    named: Mapping[str, Sequence[Leg]] | Sequence[tuple[str, Sequence[Leg]]], title: str = ""
) -> Picture:
    """Routes below each other, each under its name: before and after, or the same way from several places."""
    pairs = list(named.items()) if isinstance(named, Mapping) else list(named)
    strips = [
        _Strip(name if n == 0 else "", chain) for name, legs in pairs for n, chain in enumerate(_chains(legs))
    ]
    words = describe(pairs)
    width = max([WIDTH, *(strip.least for strip in strips)]) + 2 * MARGIN
    height = (
        (TITLE if title else 0.0)
        + sum(s.height for s in strips)
        + APART * max(0, len(strips) - 1)
        + 2 * MARGIN
    )
    figure, axes = canvas(width, height if strips else height + CAPTION)
    y = axes.get_ylim()[1] - MARGIN
    if title:
        axes.text(MARGIN, y - 0.1, title, fontsize=11, fontweight="bold", va="center")
        y -= TITLE
    if not strips:
        axes.text(MARGIN, y - 0.15, words, fontsize=9, color=SOFT, va="center")
    for strip in strips:
        strip.draw(axes, y, width)
        y -= strip.height + APART
    return Picture(figure, words, title)


def describe(named: Sequence[tuple[str, Sequence[Leg]]]) -> str:
    """The same in words, a line for each leg."""
    lines = []
    for name, legs in named:
        lines += [f"{name}:"] if name and legs else []
        lines += [_line(leg) for leg in legs]
    return "\n".join(lines) or "no route was looked at"


def _line(leg: Leg) -> str:
    between = [f"{name} ({about or 'NAT'})" for name, about in map(_split, leg.through)]
    if leg.way == "relayed":
        name, about = _split(leg.relay)
        between.insert(leg.bend, f"{name} ({about})" if about else name)
    passed = between[: leg.bend] if leg.way == "lost" else between
    by = f", by way of {', '.join(passed)}" if passed else ""
    note = f"; {leg.note}" if leg.note else ""
    return f"{leg.start} → {leg.end}: {leg.words}{by}{note}"


def _cards(leg: Leg) -> int:
    """How many cards a leg adds to a strip."""
    return len(leg.through) + (leg.way == "relayed") + 1


def _split(name: str) -> tuple[str, str]:
    """A name, and the words that it carries in round brackets."""
    found = re.fullmatch(r"(.+?)\s*\((.+)\)", name)
    return (found[1], found[2]) if found else (name, "")


def _chains(legs: Sequence[Leg]) -> Iterator[list[Leg]]:
    """`legs` cut where one does not start where the one before ended, and where a page would be too narrow.

    After a cut of the second kind the next strip begins with the card that this one ends with.
    """
    chain: list[Leg] = []
    for leg in legs:
        cards = 1 + sum(map(_cards, [*chain, leg]))
        if chain and (_split(chain[-1].end)[0] != _split(leg.start)[0] or cards > MOST):
            yield chain
            chain = []
        chain.append(leg)
    if chain:
        yield chain


class _Strip:
    """A chain of legs: its stops from left to right, and for each leg its first and last stop."""

    def __init__(self, name: str, legs: Sequence[Leg]) -> None:
        self.name, self.legs = name, legs
        self.stops: list[_Stop] = [_Stop(*_split(legs[0].start), "end")]
        self.spans: list[tuple[int, int]] = []
        for leg in legs:
            first = len(self.stops) - 1
            between = [_Stop(n, about or "NAT", "between") for n, about in map(_split, leg.through)]
            if leg.way == "relayed":
                between.insert(leg.bend, _Stop(*_split(leg.relay), "relay"))
            self.stops += [*between, _Stop(*_split(leg.end), "end")]
            self.spans.append((first, len(self.stops) - 1))
        self.least = len(self.stops) * CARD[0] + (len(self.stops) - 1) * GAP
        self.up = UP if any(stop.kind == "relay" for stop in self.stops) else 0.0
        self.text = [self._text(leg, *span) for leg, span in zip(legs, self.spans, strict=True)]
        lines = max(1 + len(note) for _, note in self.text)
        self.height = (CAPTION if name else 0.0) + self.up + CARD[1] + BELOW + LINE * lines

    def _text(self, leg: Leg, first: int, last: int) -> tuple[str, list[str]]:
        """The words below a leg: how it goes, and its note in lines that fit."""
        room = (last - first) * (CARD[0] + GAP) - 0.1
        return leg.words, textwrap.wrap(leg.note, max(12, int(room / (8.2 * LETTER))))

    def draw(self, axes: Axes, top: float, width: float) -> None:
        """Draw the strip below `top`."""
        if self.name:
            axes.text(MARGIN, top - 0.12, self.name, fontsize=9.5, fontweight="bold", color=SOFT, va="center")
            top -= CAPTION
        free = width - 2 * MARGIN - len(self.stops) * CARD[0]
        step = CARD[0] + free / max(1, len(self.stops) - 1)
        base = top - self.up - CARD[1]
        self.at = [
            (MARGIN + CARD[0] / 2 + n * step, base + LANE + (UP if stop.kind == "relay" else 0.0))
            for n, stop in enumerate(self.stops)
        ]
        for stop, at in zip(self.stops, self.at, strict=True):
            _card(axes, stop, at)
        for run in self._tube_runs():
            self._tube(axes, *run)
        for leg, (first, last) in zip(self.legs, self.spans, strict=True):
            self._packets(axes, leg, first, last)
        for (words, note), leg, span in zip(self.text, self.legs, self.spans, strict=True):
            self._below(axes, base, leg, span, (words, note))

    def _tube_runs(self) -> Iterator[tuple[str, int, int, float]]:
        """Each tube with its first and last stop and its width; one that goes on in the next leg is one tube."""
        runs: list[tuple[str, int, int, float]] = []
        for leg, (first, last) in zip(self.legs, self.spans, strict=True):
            for depth, name in enumerate(leg.tubes):
                wide = THIN if len(leg.tubes) > 1 and depth == 0 else THICK
                same = [run for run in runs if run[0] == name and run[2] == first]
                for run in same:
                    runs.remove(run)
                    wide = min(wide, run[3])
                runs.append((name, same[0][1] if same else first, last, wide))
        return iter(sorted(runs, key=lambda run: -run[3]))

    def _tube(self, axes: Axes, name: str, first: int, last: int, wide: float) -> None:
        hue, dashes = TUBES.get(name, OTHER)
        xs, ys = zip(*self._points(first, last), strict=True)
        order = 5.2 if wide == THICK else 5.4
        whole = wide * 72 + 2.8  # points: with the outline, which is what is left of the wider line behind
        pattern = (0, tuple(part / whole for part in dashes)) if dashes else "-"
        axes.plot(
            xs, ys, color=hue, linewidth=whole, linestyle=pattern, zorder=order, dash_capstyle="butt",
            solid_capstyle="round", solid_joinstyle="round",
        )  # fmt: skip
        axes.plot(
            xs, ys, color=TINTS[hue], linewidth=wide * 72, zorder=order + 0.1,
            solid_capstyle="butt" if dashes else "round", solid_joinstyle="round",
        )  # fmt: skip

    def _points(self, first: int, last: int) -> list[Point]:
        """Where packets pass from stop `first` to `last`: level in the cards, up and down between them."""
        found = [self.at[first]]
        for (x0, y0), (x1, y1) in pairwise(self.at[first : last + 1]):
            if y0 != y1:
                found += [(x0 + CARD[0] / 2, y0), (x1 - CARD[0] / 2, y1)]
            found.append((x1, y1))
        return found

    def _packets(self, axes: Axes, leg: Leg, first: int, last: int) -> None:
        """The line of a leg, its ends, and its tubes' names in the first gap that has room for them."""
        hue, line, dashes = LOOKS[leg.way]
        points, crossed = self._points(first, last), None
        if leg.way == "lost":
            (x0, y0), (x1, _) = self.at[first + leg.bend : first + leg.bend + 2]
            crossed = ((x0 + x1) / 2, y0)
            points = [self.at[first], crossed]
        axes.plot(
            [p[0] for p in points], [p[1] for p in points], color=hue, linewidth=line, linestyle=dashes, zorder=6,
            dash_capstyle="butt", solid_joinstyle="round",
        )  # fmt: skip
        ends = points[:1] if crossed else [points[0], points[-1]]
        for x, y in ends:
            axes.plot([x], [y], marker="o", markersize=7.5, color=hue, markeredgecolor=PAPER, zorder=7)
        if crossed:
            axes.plot(
                *([v] for v in crossed), marker="X", markersize=15, color=hue, markeredgecolor=PAPER, zorder=7
            )
            return
        gaps = list(range(first, last))
        flat = [n for n in gaps if self.at[n][1] == self.at[n + 1][1]] or gaps[:1]
        for depth, name in enumerate(
            reversed(leg.tubes)
        ):  # the outermost above the line, the inner one below
            (x0, y0), (x1, y1) = self.at[flat[0]], self.at[flat[0] + 1]
            side = 1 if depth == 0 else -1
            _label(axes, ((x0 + x1) / 2, (y0 + y1) / 2 + side * THICK / 2), name)

    def _below(
        self, axes: Axes, base: float, leg: Leg, span: tuple[int, int], text: tuple[str, list[str]]
    ) -> None:
        (left, _), (right, _) = self.at[span[0]], self.at[span[1]]
        left, right, y = left + 0.06, right - 0.06, base - 0.09
        axes.plot([left, left, right, right], [y + 0.05, y, y, y + 0.05], color=SOFT, linewidth=0.9, zorder=2)
        x, y = (left + right) / 2, base - BELOW - 0.02
        axes.text(
            x, y, text[0], fontsize=9.2, fontweight="bold", color=LOOKS[leg.way][0], ha="center", va="center"
        )
        for n, line in enumerate(text[1], 1):
            axes.text(x, y - n * LINE, line, fontsize=8.2, color=INK, ha="center", va="center")


def _card(axes: Axes, stop: _Stop, lane: Point) -> None:
    """A machine; routers and relays, which only pass packets on, have a lighter outline and softer letters."""
    x, y = lane[0], lane[1] - LANE + CARD[1] / 2
    opens = stop.kind == "end"
    box(axes, (x, y), CARD, PAPER, INK if opens else SOFT, line=1.7 if opens else 0.9, order=4.5)
    axes.text(
        x, y + CARD[1] / 2 - 0.16, fit(stop.name, CARD[0] - 0.04, 9.6), fontsize=9.6, ha="center", va="center", zorder=6,
        fontweight="bold" if opens else "normal", color=INK,
    )  # fmt: skip
    if stop.about:
        axes.text(
            x, y + CARD[1] / 2 - 0.33, fit(stop.about, CARD[0] - 0.02, 8), fontsize=8, color=SOFT, ha="center",
            va="center", zorder=6,
        )  # fmt: skip


def _label(axes: Axes, at: Point, name: str) -> None:
    hue, _ = TUBES.get(name, OTHER)
    box(axes, at, (0.14 + len(name) * 8 * LETTER, 0.18), PAPER, hue, radius=0.08, line=1.0, order=8)
    axes.text(
        *at, name, fontsize=8, fontweight="bold", color=hue, ha="center", va="center_baseline", zorder=9
    )
