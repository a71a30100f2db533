"""The roofline of decoding: each token reads every weight, so bandwidth over bytes is the most that is possible.

Lines are models, dots are measurements, the columns are memories. A hollow dot is somebody's claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from homelab.pictures.chart import LOOKS, chart, label, plain_log
from homelab.pictures.picture import FAINT, INK, PAPER, SOFT, Picture

ON_PAPER = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.9, "pad": 0.8}  # lines stop before letters


@dataclass(frozen=True)
class Dot:
    """A decode `speed` (tokens/s, ± `sd`) of a model that reads `reads` bytes for a token, on a memory of `bandwidth` GB/s."""

    name: str
    bandwidth: float
    reads: float
    speed: float
    sd: float = 0.0
    measured: bool = True

    @property
    def share(self) -> float:
        """Of the possible speed."""
        return self.speed * self.reads / (self.bandwidth * 1e9)


def roofline(
    models: Mapping[str, float], memories: Mapping[str, float], dots: Sequence[Dot] = (),
    title: str = "How fast could it be? Decode by memory bandwidth",
) -> Picture:  # fmt: skip
    """`models`: bytes read for a token, by name; `memories`: GB/s, by name; both axes are logarithmic."""
    figure, (axes,) = chart(9.2, 4.6, 1, title)
    low = min([*memories.values(), *(d.bandwidth for d in dots)]) * 0.6
    high = max([*memories.values(), *(d.bandwidth for d in dots)]) * 10
    axes.set_xscale("log")
    axes.set_yscale("log")
    for n, (name, reads) in enumerate(models.items()):
        colour, _, dashes = LOOKS[n % len(LOOKS)]
        ends = (low, high * 0.15)
        axes.plot(
            ends, [x * 1e9 / reads for x in ends], color=colour, linestyle=dashes, linewidth=1.7, zorder=3
        )
        axes.text(
            high * 0.16, ends[1] * 1e9 / reads, f"{name} ({reads / 1e9:.3g} GB)", fontsize=8.4, color=colour, va="center",
        )  # fmt: skip
    for dot in dots:
        _dot(axes, dot)
    bottom = axes.get_ylim()[0]
    axes.set_ylim(bottom=bottom / 4)
    for name, speed in memories.items():
        axes.axvline(speed, color=FAINT, linewidth=1.0, zorder=1)
        axes.annotate(
            name, (speed, bottom / 3.6), xytext=(-1, 0), textcoords="offset points", fontsize=8, color=SOFT, rotation=90,
            ha="right", va="bottom", bbox=ON_PAPER, zorder=4,
        )  # fmt: skip
    axes.set_xlim(low, high)
    label(axes, "memory bandwidth, GB/s", "tokens/s of one stream")
    plain_log(axes.xaxis)
    plain_log(axes.yaxis)
    return Picture(figure, describe(models, memories, dots), title)


def _dot(axes: Axes, dot: Dot) -> None:
    axes.errorbar(
        [dot.bandwidth], [dot.speed], yerr=[dot.sd] if dot.sd else None, marker="o", markersize=7.5, linestyle="none",
        markerfacecolor=INK if dot.measured else PAPER, markeredgecolor=INK, markeredgewidth=1.6, ecolor=INK, capsize=3, zorder=6,
    )  # fmt: skip
    axes.annotate(
        f"{dot.name}: {dot.speed:.3g}, {dot.share:.0%} of the line", (dot.bandwidth, dot.speed), xytext=(9, 0),
        textcoords="offset points", fontsize=8.4, color=INK, va="center", bbox=ON_PAPER, zorder=5,
    )  # fmt: skip


def describe(models: Mapping[str, float], memories: Mapping[str, float], dots: Sequence[Dot]) -> str:
    """The ceiling of every model on every memory, then the dots."""
    lines = []
    for name, reads in models.items():
        told = [f"{where} {speed * 1e9 / reads:.3g}" for where, speed in memories.items()]
        lines.append(f"{name} reads {reads / 1e9:.3g} GB for a token, at most (tokens/s): {', '.join(told)}")
    for dot in dots:
        kind = "measured" if dot.measured else "as somebody says, not measured here"
        lines.append(
            f"{dot.name}: {dot.speed:.3g} tokens/s at {dot.bandwidth:.3g} GB/s, {dot.share:.0%} of what is possible ({kind})"
        )
    return "\n".join(lines)
