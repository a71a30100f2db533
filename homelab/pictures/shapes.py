"""The few shapes of the topology's drawing; all lengths in inches, all positions are middles."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from homelab.pictures.picture import BROKEN, INK, PAPER, PURPLE, SKY, SOFT, TINTS

Point = tuple[float, float]
Sides = tuple[float, float]
TAILNET = SKY
LETTER = (
    0.0085  # inches of width a letter takes, by point of size; of many, the narrow ones make up for the wide
)
MANY = 0.0077
# Points. A picture of ten columns is shown at two thirds of its size on a laptop, and must be read there.
NAME, LINE, NOTE, TAG, MEANS, CLOUD = 10.4, 8.4, 8.6, 7.4, 9, 10.4
BELOW_TEXT = 0.11  # how far under the internet's name its wires meet


def faded(colour: str, strength: float) -> str:
    """`colour` on white paper, as if it were only so strong (0 to 1); opaque, so that nothing shines through."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return str(to_hex((red, green, blue)))


def fit(text: str, width: float, size: float) -> str:
    """`text`, shortened where it would be wider than `width`."""
    most = max(1, int(width / (MANY * size)))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def lines(text: str, width: float, most: int) -> list[str]:
    """`text` in so many of a card's lines; the last one takes what is left, and is shortened where it is drawn."""
    found = textwrap.wrap(text, max(1, int(width / (MANY * LINE))))
    return found if len(found) <= most else [*found[: most - 1], " ".join(found[most - 1 :])]


def box(
    axes: Axes, middle: Point, size: Point, fill: str, edge: str, *, radius: float = 0.08, line: float = 1.0,
    dashed: bool = False, order: float = 3.0,
) -> None:  # fmt: skip
    """A rectangle with round corners."""
    (x, y), (width, height) = middle, size
    axes.add_artist(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle=f"round,pad=0,rounding_size={radius}",
            facecolor=fill, edgecolor=edge, linewidth=line, zorder=order,
            linestyle=(0, (3.2, 2.0)) if dashed else "-",
        )
    )  # fmt: skip


def region(axes: Axes, sides: Sides, heights: Sides, hue: str) -> None:
    """The ground of a network: everything that is behind its door."""
    (left, right), (low, high) = sides, heights
    box(
        axes, ((left + right) / 2, (low + high) / 2), (right - left, high - low), TINTS[hue], hue,
        radius=0.16, line=0.7, order=0.5 - (right - left) / 1000,
    )  # fmt: skip


def wire(
    axes: Axes, start: Point, end: Point, colour: str, strength: float, *, strong: bool, cut: bool = False
) -> None:
    """A link; one that is cut is dashed, with a cross where it breaks."""
    axes.plot(
        [start[0], end[0]], [start[1], end[1]], color=faded(colour, strength), zorder=4.0 if strong else 2.0,
        linewidth=2.6 if strong else 1.3, linestyle=(0, (1.5, 1.5)) if cut else "-", solid_capstyle="round",
    )  # fmt: skip
    if cut:
        x, y = start[0], start[1] + (0.16 if end[1] > start[1] else -0.16)
        axes.plot([x], [y], marker="X", markersize=11, color=BROKEN, markeredgecolor=PAPER, zorder=7)


def note(
    axes: Axes,
    at: Point,
    text: str,
    colour: str,
    strength: float,
    *,
    left_of: bool = False,
    bold: bool = False,
) -> None:
    """A few small words beside a wire."""
    axes.text(
        *at, text, fontsize=NOTE, color=faded(colour, strength), ha="right" if left_of else "left", va="center",
        fontweight="bold" if bold else "normal", zorder=6,
    )  # fmt: skip


def cloud(axes: Axes, sides: Sides, y: float, hue: str, text: str) -> None:
    """The internet: a band with a cloud's outline across the whole sheet."""
    left, right = sides[0] + 0.18, sides[1] - 0.18
    bumps = max(3, round((right - left) / 0.62))
    step = (right - left) / bumps
    for edge, order in ((0.016, 2.4), (0.0, 2.5)):  # the larger copy behind makes the outline
        colour = hue if edge else TINTS[hue]
        box(
            axes,
            ((left + right) / 2, y),
            (right - left + 2 * edge, 0.32 + 2 * edge),
            colour,
            "none",
            radius=0.16,
            order=order,
        )
        puffs = [
            _puff((left + step * (n + 0.5), y + side * 0.09), step * 1.2 + 2 * edge, size + 2 * edge)
            for n in range(bumps)
            for size in (0.24 + 0.10 * ((n * 7 + 3) % 5) / 4,)
            for side in (1, -1)
        ]
        whole = PathPatch(Path.make_compound_path(*puffs), facecolor=colour, edgecolor="none", zorder=order)
        axes.add_artist(whole)
    axes.text(
        (left + right) / 2, y + 0.05, text, fontsize=CLOUD, color=hue, fontweight="bold", ha="center", va="center",
        zorder=6, bbox={"facecolor": TINTS[hue], "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def _puff(middle: Point, width: float, height: float) -> Path:
    return Path.unit_circle().transformed(Affine2D().scale(width / 2, height / 2).translate(*middle))


def bar(axes: Axes, sides: Sides, y: float, hue: str, name: str, prefix: str, strength: float) -> None:
    """A network: a bar that wires end on, with its name and prefix."""
    left, right = sides[0] + 0.16, sides[1] - 0.16
    box(
        axes,
        ((left + right) / 2, y),
        (right - left, 0.24),
        faded(hue, max(strength, 0.55)),
        PAPER,
        radius=0.12,
        line=0.8,
        order=5,
    )
    text = fit(f"{name}  {prefix}", right - left - 0.06, NOTE)
    axes.text(
        (left + right) / 2, y - 0.008, text, fontsize=NOTE, color=PAPER, fontweight="bold", ha="center", va="center", zorder=6,
    )  # fmt: skip


def card(
    axes: Axes, middle: Point, size: Point, name: str, lines: Sequence[str], tags: Sequence[tuple[str, str]],
    *, dot: str, strength: float, strong: bool,
) -> None:  # fmt: skip
    """A machine: its name, what it is, its marks. A stand-in has a dashed outline as well as the word."""
    x, y = middle
    stand_in = any(text == "stand-in" for text, _ in tags)
    box(
        axes, middle, size, PAPER, faded(PURPLE if stand_in else INK if strong else SOFT, max(strength, 0.5)),
        line=1.7 if strong else 1.0, dashed=stand_in, order=4.5,
    )  # fmt: skip
    gap = 0.165
    top = y + gap * len(lines) / 2 - 0.03 * len(lines)  # out of the tags' way
    axes.text(
        x,
        top,
        name,
        fontsize=NAME,
        fontweight="bold",
        ha="center",
        va="center",
        color=faded(INK, strength),
        zorder=6,
    )
    for n, line in enumerate(lines, 1):
        tailnet = line[:1].isdigit()
        axes.text(
            x, top - gap * n, fit(line, size[0] - 0.02, LINE), fontsize=LINE, ha="center", va="center", zorder=6,
            color=faded(TAILNET if tailnet else SOFT, strength), fontweight="bold" if tailnet else "normal",
        )  # fmt: skip
    if dot:
        mark(axes, (x - size[0] / 2 + 0.1, y + size[1] / 2 - 0.1), dot, strength)
    right = x + size[0] / 2 - 0.06
    for text, colour in reversed(tags):
        right -= tag(axes, (right, y + size[1] / 2), text, colour, strength) + 0.05


def mark(axes: Axes, at: Point, kind: str, strength: float = 1.0) -> None:
    """Tailscale's state: a full dot in the tailnet, an empty one before."""
    colour = faded(TAILNET, strength)
    axes.plot(
        [at[0]], [at[1]], marker="o", markersize=6, markerfacecolor=colour if kind == "full" else PAPER,
        markeredgecolor=colour, markeredgewidth=1.5, zorder=6,
    )  # fmt: skip


def tag(axes: Axes, right: Point, text: str, colour: str, strength: float = 1.0) -> float:
    """A small label that ends at `right`; returns its width."""
    width, colour = 0.12 + len(text) * TAG * LETTER, faded(colour, strength)
    box(axes, (right[0] - width / 2, right[1]), (width, 0.18), PAPER, colour, radius=0.07, line=0.9, order=6)
    axes.text(
        right[0] - width / 2, right[1] - 0.006, text, fontsize=TAG, color=colour, ha="center", va="center",
        fontweight="bold", zorder=7,
    )  # fmt: skip
    return width


def legend(axes: Axes, at: Point, items: Sequence[tuple[str, str, str]]) -> None:
    """What the marks mean, in one line; only the marks that occur."""
    x, y = at
    for kind, what, means in items:
        if kind == "tag":
            width = 0.12 + len(what) * TAG * LETTER
            tag(axes, (x + width, y), what, PURPLE if what == "stand-in" else INK)
        else:
            width = 0.12
            mark(axes, (x + width / 2, y), what)
        axes.text(x + width + 0.07, y, means, fontsize=MEANS, color=SOFT, va="center")
        x += width + 0.07 + len(means) * MEANS * MANY + 0.3
