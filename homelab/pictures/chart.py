"""What the diagrams with axes share: a quiet frame, the palette, and marks that differ without their colour."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from homelab.pictures.picture import BLUE, BROKEN, FAINT, GREEN, INK, ORANGE, PAPER, PURPLE, SOFT

LOOKS: tuple[tuple[str, str, Any], ...] = (  # colour, mark and dashes of the first series, the second, …
    (BLUE, "o", "-"),
    (BROKEN, "s", (0, (5, 2))),
    (GREEN, "^", (0, (1.5, 1.5))),
    (PURPLE, "D", (0, (6, 2, 1.5, 2))),
    (ORANGE, "v", (0, (8, 3))),
)
TITLE = 11.0  # points


def chart(width: float, height: float, panels: int = 1, title: str = "") -> tuple[Figure, list[Axes]]:
    """A sheet of `width` by `height` inches with `panels` diagrams side by side, under a `title`."""
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    left, gap = 0.72, 0.75
    figure.subplots_adjust(
        left=left / width, right=1 - 0.25 / width, bottom=0.55 / height,
        top=1 - (0.62 if title else 0.3) / height, wspace=gap * panels / max(1.0, width - left - 0.25 - gap),
    )  # fmt: skip
    if title:
        figure.text(
            0.16 / width,
            1 - 0.22 / height,
            title,
            fontsize=TITLE,
            fontweight="bold",
            color=INK,
            va="center",
        )
    for one in axes:
        quiet(one)
    return figure, axes


def quiet(axes: Axes) -> None:
    """No box around, a light grid behind, letters of the sheet's size."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SOFT)
    axes.tick_params(colors=SOFT, labelsize=8, which="both", length=3, labelfontfamily="DejaVu Sans")
    axes.grid(True, color=FAINT, linewidth=0.5, zorder=0)
    axes.set_axisbelow(True)


def label(axes: Axes, across: str = "", up: str = "", heading: str = "") -> None:
    """Names of the axes, with their units, and a heading for the panel."""
    axes.set_xlabel(across, fontsize=8.5, color=INK)
    axes.set_ylabel(up, fontsize=8.5, color=INK)
    if heading:
        axes.set_title(heading, fontsize=9, fontweight="bold", color=INK, loc="left")


def plain_log(axis: Any, before: str = "") -> None:
    """Ticks of a logarithmic axis as people write them: 0.1, 1, 1,000; `before` stands in front ($)."""

    def words(value: float, _: object) -> str:
        return f"{before}{value:,.0f}" if value >= 1 else f"{before}{value:g}"

    axis.set_major_formatter(FuncFormatter(words))
    axis.set_minor_formatter(NullFormatter())


def legend(axes: Axes, place: str = "best") -> None:
    """What the marks mean, small and without a box."""
    looks: dict[str, Any] = {
        "loc": place,
        "fontsize": 7.6,
        "framealpha": 0.9,
        "edgecolor": PAPER,
        "handlelength": 3.2,
    }
    axes.legend(**looks).set_zorder(9)
