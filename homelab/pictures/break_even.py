"""When a card has paid for itself: what was spent, by hours of work, for one's own and for rented ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from homelab.pictures.chart import LOOKS, chart, label, legend
from homelab.pictures.picture import INK, PAPER, Picture

if TYPE_CHECKING:
    from homelab.gpu.cost import Way

YEAR = 365 * 24  # hours


def break_even(own: Way, rented: Sequence[Way], title: str = "") -> Picture:
    """Money spent on the tokens that one's own card makes, up to a little after the last crossing (a year, where none is)."""
    from homelab.gpu.cost import break_even as crossing
    from homelab.gpu.cost import spent

    title = title or f"When has it paid? {own.name} against renting"
    hours = [crossing(own, way) for way in rented]
    reach = max([h for h in hours if h <= 3 * YEAR], default=YEAR) * 1.35
    figure, (axes,) = chart(9.2, 3.9, 1, title)
    for n, way in enumerate((own, *rented)):
        colour, _, dashes = LOOKS[n % len(LOOKS)]
        ends = [spent(way, 0.0, own.speed), spent(way, reach, own.speed)]
        axes.plot(
            (0, reach),
            ends,
            color=colour,
            linestyle=dashes,
            linewidth=2.4 if n == 0 else 1.7,
            label=way.name,
            zorder=3,
        )
    for hour in hours:
        if hour <= reach:
            money = spent(own, hour)
            axes.plot(
                [hour],
                [money],
                "o",
                markersize=7,
                markerfacecolor=PAPER,
                markeredgecolor=INK,
                markeredgewidth=1.7,
                zorder=6,
            )
            axes.text(
                hour, money, f"\n{hour:,.0f} h of work", fontsize=8, color=INK, ha="left", va="top", zorder=7
            )
    axes.set_xlim(0, reach)
    axes.set_ylim(0, max(spent(own, reach), own.price) * 2.2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"${value:,.0f}")
    label(axes, f"hours of work at {own.speed:.3g} tokens/s", "spent")
    legend(axes, "upper left")
    return Picture(figure, describe(own, rented), title)


def describe(own: Way, rented: Sequence[Way]) -> str:
    """What it costs to own, and a line for each that one could rent instead."""
    from homelab.gpu.cost import break_even as crossing

    lines = [
        f"{own.name}: ${own.price:,.0f} once, ${own.per_hour:.3f} an hour of work at {own.speed:.3g} tokens/s"
    ]
    for way in rented:
        hours = crossing(own, way)
        when = (
            "never cheaper: renting costs less than the electricity"
            if math.isinf(hours)
            else f"cheaper after {hours:,.0f} hours of work ({hours / YEAR:.2g} years day and night)"
        )
        lines.append(f"against {way.name} (${way.per_hour:.3g} an hour at {way.speed:.3g} tokens/s): {when}")
    return "\n".join(lines)
