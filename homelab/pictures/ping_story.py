"""How a path between two nodes came about: each ``tailscale ping`` by the way that it took."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from homelab.pictures.picture import BROKEN, FAINT, GREEN, INK, ORANGE, PAPER, SOFT, TINTS, Picture, canvas
from homelab.pictures.shapes import box, fit

if TYPE_CHECKING:
    from homelab.checks.path import Pong

ROW, TOP, BOTTOM = 0.34, 0.62, 0.2  # inches
LEFT, MIDDLE, RIGHT, TIMES, WIDTH = 1.25, 3.35, 5.45, 6.35, 8.6
LONGEST = 1.5  # inches of the longest bar


def ping_story(pings: Sequence[Pong], source: str = "from here", target: str = "to there") -> Picture:
    """One line a ping, the first on top: through a relay it takes the bend, direct it goes straight.

    The bar beside it is the round trip (ms). `source` and `target` name the two ends.
    """
    height = TOP + ROW * max(1, len(pings)) + BOTTOM
    figure, axes = canvas(WIDTH, height)
    low, high = height - TOP - ROW * max(1, len(pings)) + 0.04, height - 0.36
    for x, name in ((LEFT, source), (RIGHT, target)):
        axes.text(x, height - 0.2, fit(name, 1.7, 9), fontsize=9, fontweight="bold", ha="center", va="center")
        axes.plot([x, x], [low, high], color=FAINT, linewidth=5, solid_capstyle="round", zorder=1)
    axes.text(TIMES, height - 0.2, "round trip", fontsize=7.5, color=SOFT, ha="left", va="center")
    slowest = max((p.ms for p in pings), default=0.0) or 1.0
    for n, pong in enumerate(pings):
        _line(axes, height - TOP - ROW * n, pong, slowest)
    return Picture(figure, describe(pings, source, target), f"Pings {source} → {target}, one by one")


def _line(axes: Axes, y: float, pong: Pong, slowest: float) -> None:
    if not pong.via:
        _lost(axes, y, pong.n)
        return
    colour = GREEN if pong.direct else ORANGE
    axes.text(LEFT - 0.3, y, f"{pong.n}", fontsize=7.5, color=SOFT, ha="right", va="center")
    if pong.direct:
        axes.plot([LEFT, RIGHT], [y, y], color=colour, linewidth=2.2, zorder=2)
    else:
        bend, up = 0.85, 0.11
        across = [LEFT, LEFT + bend * 0.3, LEFT + bend, RIGHT - bend, RIGHT - bend * 0.3, RIGHT]
        axes.plot(
            across,
            [y, y, y + up, y + up, y, y],
            color=colour,
            linewidth=1.6,
            linestyle=(0, (4, 1.6)),
            zorder=2,
        )
    lifted = y if pong.direct else y + 0.11
    words = f"direct, {pong.via}" if pong.direct else f"relay {pong.via}"
    width = min(2.5, 0.3 + len(words) * 0.064)
    box(axes, (MIDDLE, lifted), (width, 0.2), TINTS[colour], colour, radius=0.1, line=1.0, order=3)
    axes.text(
        MIDDLE,
        lifted - 0.008,
        fit(words, 2.5, 7.2),
        fontsize=7.2,
        color=colour,
        fontweight="bold",
        ha="center",
        va="center",
        zorder=4,
    )
    for x in (LEFT, RIGHT):
        axes.plot([x], [y], marker="o", markersize=6, color=colour, markeredgecolor=PAPER, zorder=4)
    long = LONGEST * pong.ms / slowest
    axes.plot([TIMES, TIMES + long], [y, y], color=colour, linewidth=6, solid_capstyle="butt", zorder=2)
    axes.text(TIMES + long + 0.08, y, f"{pong.ms:g} ms", fontsize=7.2, color=INK, ha="left", va="center")


def _lost(axes: Axes, y: float, n: int) -> None:
    axes.text(LEFT - 0.3, y, f"{n}", fontsize=7.5, color=SOFT, ha="right", va="center")
    axes.plot([LEFT, MIDDLE], [y, y], color=BROKEN, linewidth=1.6, linestyle=(0, (1.5, 1.5)), zorder=2)
    axes.plot([LEFT], [y], marker="o", markersize=6, color=BROKEN, markeredgecolor=PAPER, zorder=4)
    axes.plot([MIDDLE], [y], marker="X", markersize=10, color=BROKEN, markeredgecolor=PAPER, zorder=4)
    axes.text(TIMES, y, "no answer", fontsize=7.2, color=BROKEN, ha="left", va="center")


def describe(pings: Sequence[Pong], source: str = "from here", target: str = "to there") -> str:
    """The same in words: ``pings 1 to 3 through DERP(mad), then 4 to 5 direct (203.0.113.10:41641)``."""
    parts = []
    for (direct, via), run in groupby(pings, key=lambda p: (p.direct, p.via)):
        numbers = [p.n for p in run]
        which = f"ping {numbers[0]}" if len(numbers) == 1 else f"pings {numbers[0]} to {numbers[-1]}"
        way = "lost" if not via else f"direct ({via})" if direct else f"through {via}"
        parts.append(f"{which} {way}")
    return f"{source} → {target}: {', then '.join(parts) or 'no ping came back'}"
