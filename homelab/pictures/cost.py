"""What a million tokens costs, way by way: bars on a logarithmic scale, with patterns for where it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.patches import Patch

from homelab.pictures.chart import chart, label, plain_log, quiet
from homelab.pictures.picture import BLUE, BROKEN, GREEN, INK, PAPER, Picture

if TYPE_CHECKING:
    from homelab.gpu.cost import Way

KINDS = {  # colour, pattern, meaning
    "home": (GREEN, "", "electricity at home (without the price of the card)"),
    "spot": (BLUE, "///", "rented, spot"),
    "on-demand": (BROKEN, "xx", "rented, on demand"),
}


def cost(ways: Sequence[Way], title: str = "Dollars for a million tokens (one stream)") -> Picture:
    """A bar for each way, the cheapest on top."""
    ordered = sorted(ways, key=lambda way: way.per_million, reverse=True)
    figure, (axes,) = chart(9.2, 1.35 + 0.36 * len(ordered), 1, title)
    figure.subplots_adjust(left=0.36)
    quiet(axes)
    axes.grid(False, axis="y")
    axes.set_xscale("log")
    low = min(way.per_million for way in ordered) / 3
    for y, way in enumerate(ordered):
        colour, hatch, _ = KINDS[way.kind]
        axes.barh(
            y,
            way.per_million - low,
            left=low,
            height=0.62,
            color=colour,
            edgecolor=PAPER,
            hatch=hatch,
            zorder=3,
        )
        axes.text(
            way.per_million * 1.08,
            y,
            f"${way.per_million:,.2f}",
            fontsize=8.4,
            fontweight="bold",
            color=INK,
            va="center",
        )
    axes.set_yticks(range(len(ordered)), [f"{way.name}, {way.speed:.3g} tokens/s" for way in ordered])
    axes.tick_params(axis="y", colors=INK, length=0)
    axes.set_xlim(low, max(way.per_million for way in ordered) * 4)
    label(axes, "dollars for a million tokens, logarithmic")
    plain_log(axes.xaxis, "$")
    there = [kind for kind in KINDS if any(way.kind == kind for way in ordered)]
    axes.legend(
        handles=[Patch(facecolor=KINDS[k][0], hatch=KINDS[k][1], edgecolor=PAPER, label=KINDS[k][2]) for k in there],
        loc="upper right", fontsize=7.6, framealpha=0.95, edgecolor=PAPER,
    )  # fmt: skip
    return Picture(figure, describe(ordered[::-1]), title)


def describe(ways: Sequence[Way]) -> str:
    """A line for each way."""
    return "\n".join(
        f"{way.name} ({way.kind}): ${way.per_million:,.2f} for a million tokens, at ${way.per_hour:.3g} an hour and {way.speed:.3g} tokens/s"
        for way in ways
    )
