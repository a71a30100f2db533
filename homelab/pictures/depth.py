"""How speed falls with the depth of the context: decode and prefill, with the spread of the repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from homelab.pictures.chart import LOOKS, chart, label, legend
from homelab.pictures.picture import FAINT, INK, SOFT, Picture

TALK = 2500  # tokens: the talk's depth, marked where the diagram reaches so far


@dataclass(frozen=True)
class Point:
    """Speed at a `depth` (tokens already in the context): `mean` ± `sd` tokens/s; `disturbed`: not to be trusted."""

    depth: int
    mean: float
    sd: float = 0.0
    disturbed: bool = False


@dataclass(frozen=True)
class Curve:
    """What one engine did with one model: its points for decode, and for prefill where that was measured."""

    name: str
    decode: Sequence[Point]
    prefill: Sequence[Point] = ()


def depth(curves: Sequence[Curve], title: str = "Speed by depth of context") -> Picture:
    """Decode on the left, prefill on the right; error bars are one standard deviation, hollow marks are disturbed."""
    figure, (left, right) = chart(9.2, 3.5, 2, title)
    for axes, kind in ((left, "decode"), (right, "prefill")):
        for n, curve in enumerate(curves):
            _draw(axes, curve.name, sorted(getattr(curve, kind), key=lambda p: p.depth), n)
        _finish(axes, kind)
    return Picture(figure, describe(curves), title)


def _draw(axes: Axes, name: str, points: Sequence[Point], n: int) -> None:
    if not points:
        return
    colour, mark, dashes = LOOKS[n % len(LOOKS)]
    axes.errorbar(
        [p.depth for p in points], [p.mean for p in points], yerr=[p.sd for p in points], color=colour, linestyle=dashes,
        linewidth=1.6, capsize=3, elinewidth=1.2, marker=mark, markersize=5.5, label=name, zorder=4,
    )  # fmt: skip
    shaky = [p for p in points if p.disturbed]
    axes.plot(
        [p.depth for p in shaky], [p.mean for p in shaky], linestyle="none", marker=mark, markersize=7,
        markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.6, zorder=5,
    )  # fmt: skip


def _finish(axes: Axes, kind: str) -> None:
    label(axes, "tokens already in the context", "tokens/s", kind)
    if not axes.has_data() or not axes.lines:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=SOFT, fontsize=9)
        return
    axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    axes.set_xlim(left=min(0, axes.get_xlim()[0]))
    if axes.get_xlim()[1] >= TALK:
        axes.axvline(TALK, color=FAINT, linewidth=1.2, zorder=1)
        axes.text(TALK, axes.get_ylim()[1], "the talk's 2500 ", fontsize=7.4, color=INK, ha="right", va="top")
    legend(axes, "lower left")


def describe(curves: Sequence[Curve]) -> str:
    """A line for each curve and kind, with every point."""
    lines = []
    for curve in curves:
        for kind in ("decode", "prefill"):
            points = sorted(getattr(curve, kind), key=lambda p: p.depth)
            told = [f"{_told(p)} at {p.depth:,}" for p in points]
            lines.append(f"{curve.name}, {kind}: {', '.join(told) or 'not measured'}")
    return "\n".join(lines) + "\n(tokens/s ± standard deviation, by tokens already in the context)"


def _told(point: Point) -> str:
    return f"{point.mean:.1f} ± {point.sd:.1f}{' (disturbed)' if point.disturbed else ''}"
