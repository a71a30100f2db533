"""A machine's memory as one bar, drawn to scale: what each service takes, and what is left for the game."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from homelab.pictures.picture import (
    BLUE,
    BROKEN,
    FAINT,
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

GIB = 1 << 30
WIDTH, BAR, TOP, MARGIN = 9.0, 0.62, 0.55, 0.2  # inches
ROW, COLUMNS = 0.24, 4  # of the legend: its rows (inches), and how many stand in one
COLOURS = (BLUE, GREEN, ORANGE, PURPLE, SKY)
NARROW = 0.05  # of the bar: what is narrower is named below it
CROWDED = 0.08  # the same, where the pieces are more than the memory and stand close


def memory(whole: int, parts: Mapping[str, int], kept: tuple[str, int] = ("", 0), title: str = "") -> Picture:
    """`parts` (bytes, by name) of a machine with `whole` bytes; `kept` is a name and what is to be left for it."""
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(parts)}
    full = sum(parts.values()) > whole
    least = max(whole, sum(parts.values())) * (CROWDED if full else NARROW)
    small = [name for name, count in parts.items() if count < least]
    height = TOP + BAR + MARGIN + ROW * -(-len(small) // COLUMNS) + ROW * full
    figure, axes = canvas(WIDTH, height)
    axes.text(MARGIN, height - 0.24, title, va="center", fontsize=10.5, fontweight="bold", color=INK)
    y, scale = height - TOP - BAR, (WIDTH - 2 * MARGIN) / max(whole, sum(parts.values()))
    x = MARGIN
    for name, count in parts.items():
        words = "" if name in small else f"{name}\n{size(count)}"
        x = _box(axes, x, y, count * scale, words, colours[name], TINTS[colours[name]])
    left = whole - sum(parts.values())
    if full:  # a line where the memory ends
        end = MARGIN + whole * scale
        axes.plot((end, end), (y - 0.12, y + BAR + 0.1), color=BROKEN, linewidth=2.2)
        said = f"here the memory ends: {size(whole)}"
        axes.text(end, MARGIN, said, ha="center", va="center", color=BROKEN, fontsize=8.5)
    for name, count, dashed in _rest(left, kept):
        x = _box(
            axes, x, y, count * scale, f"{name}\n{size(count)}", SOFT if dashed else FAINT, PAPER, dashed
        )
    for n, name in enumerate(small):
        at, row = MARGIN + (n % COLUMNS) * (WIDTH - 2 * MARGIN) / COLUMNS, y - ROW * (n // COLUMNS + 0.85)
        axes.add_patch(
            Rectangle((at, row - 0.05), 0.11, 0.11, facecolor=TINTS[colours[name]], edgecolor=colours[name])
        )
        axes.text(
            at + 0.19, row, f"{name} {size(parts[name])}", va="center", color=colours[name], fontsize=8.5
        )
    said = ", ".join(f"{name} {size(count)}" for name, count in parts.items())
    room = f"left: {size(left)}" if left >= 0 else f"{size(-left)} too much"
    wants = f", {kept[0]} wants {size(kept[1])}" if kept[1] else ""
    return Picture(figure, f"of {size(whole)}: {said}; {room}{wants}", title)


def _rest(left: int, kept: tuple[str, int]) -> list[tuple[str, int, bool]]:
    """What is left, in pieces: free, and what is kept for `kept`, dashed."""
    name, wanted = kept
    if left <= 0:
        return []
    if not wanted:
        return [("left", left, False)]
    if left < wanted:
        return [(f"{name} wants {size(wanted)}, left are", left, True)]
    return [("free", left - wanted, False)] * (left > wanted) + [(f"for {name}", wanted, True)]


def _box(
    axes: Axes, x: float, y: float, width: float, words: str, edge: str, fill: str, dashed: bool = False
) -> float:
    """A piece of the bar; where the next one begins."""
    style = (0, (4, 2)) if dashed else "solid"
    axes.add_patch(
        Rectangle((x, y), width, BAR, facecolor=fill, edgecolor=edge, linewidth=1.2, linestyle=style)
    )
    ink = SOFT if edge == FAINT else edge
    axes.text(x + width / 2, y + BAR / 2, words, ha="center", va="center", color=ink, fontsize=8.5)
    return x + width


def size(count: int) -> str:
    """`count` bytes in words."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / (1 << 20):.0f} MiB"
