"""The reach matrix as a picture: who (rows) reaches what (columns).

What is seen is a fill, a mark and a word; what changed has a folded corner; where packets and policy
disagree the cell has a thick outline and says what should be. In grey print fill and mark stay apart.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from homelab.pictures.picture import BROKEN, FAINT, GREEN, INK, PAPER, SOFT, Picture, canvas
from homelab.pictures.shapes import LETTER, Point, box

if TYPE_CHECKING:
    from homelab.reach import Cell, Reach, Target

CELL, LEFT, MARGIN, APART = (
    (1.28, 0.52),
    1.0,
    0.16,
    0.2,
)  # inches; a cell and the names' column at least so wide
TITLE, LINE = 0.36, 0.185  # inches
BIG, SMALL = 9.6, 8.0  # points
WIDE = 1.15  # a bold letter, to one that is not
DARK, LIGHT, OPEN = GREEN, "#bfe3d6", PAPER  # what is open, refused, blocked: dark, light, white
LOOKS = {  # fill, ink, and the word of what was seen
    "open": (DARK, PAPER, "reached"),
    "refused": (LIGHT, INK, "arrives"),
    "blocked": (OPEN, SOFT, "blocked"),
}
MEANS = {
    "refused": "arrives: let through, and nothing listens there",
    "changed": "folded corner: changed",
    "wrong": "thick outline: not as the policy says",
}


def matrix(reach: Reach, title: str = "") -> Picture:
    """A drawing of `reach`; the alternative text has every cell, then what changed and what is wrong."""
    columns, rows = len(reach.targets), len(reach.sources)
    heads = [_head(target) for target in reach.targets]
    cell = max([CELL[0], *(_width(head) + APART for head in heads)])
    left = max([LEFT, *(_width([source.name, source.kind]) + APART for source in reach.sources)])
    width = max(left + columns * cell, len(title) * 11 * WIDE * LETTER) + 2 * MARGIN
    legend = _lines(_legend(reach), width - 2 * MARGIN)
    tall = LINE * max([2, *map(len, heads)]) + 0.14
    height = (TITLE if title else 0) + tall + rows * CELL[1] + LINE * len(legend) + 2 * MARGIN
    figure, axes = canvas(width, height)
    top = height - MARGIN
    if title:
        axes.text(MARGIN, top - 0.1, title, fontsize=11, fontweight="bold", va="center")
        top -= TITLE
    for j, head in enumerate(heads):
        _words(axes, (MARGIN + left + (j + 0.5) * cell, top - tall / 2), head, "center")
    for i, source in enumerate(reach.sources):
        y = top - tall - (i + 0.5) * CELL[1]
        _words(axes, (MARGIN, y), [source.name, source.kind], "left")
    for n, (_, _, found) in enumerate(reach):
        i, j = divmod(n, columns)
        at = (MARGIN + left + (j + 0.5) * cell, top - tall - (i + 0.5) * CELL[1])
        _cell(axes, at, (cell - 0.09, CELL[1] - 0.09), found)
    for n, line in enumerate(reversed(legend)):
        axes.text(MARGIN, MARGIN + 0.05 + n * LINE, line, fontsize=SMALL, color=SOFT, va="center")
    return Picture(figure, describe(reach), title)


def _head(target: Target) -> list[str]:
    """What stands over a column, whole: a name that is cut off would leave two columns alike."""
    port = f"port {target.port}" if target.port else "ping"
    return [target.name, target.machine, port] if target.name else [target.machine, port]


def _width(lines: Sequence[str]) -> float:
    """How wide `lines` are drawn (inches): the first is big and bold."""
    first, *rest = lines
    return max([len(first) * BIG * WIDE * LETTER, *(len(line) * SMALL * LETTER for line in rest)])


def _words(axes: Axes, at: Point, lines: Sequence[str], side: Literal["left", "center"]) -> None:
    top = at[1] + LINE * (len(lines) - 1) / 2
    for n, line in enumerate(lines):
        big = n == 0
        axes.text(
            at[0], top - n * LINE, line, fontsize=BIG if big else SMALL, fontweight="bold" if big else "normal",
            color=INK if big else SOFT, ha=side, va="center",
        )  # fmt: skip


def _lines(parts: Sequence[str], width: float) -> list[str]:
    """The legend in as many lines as it takes, never broken inside an explanation."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}  ·  {part}" if lines else part
        if lines and len(longer) * SMALL * LETTER <= width:
            lines[-1] = longer
        else:
            lines += textwrap.wrap(part, max(20, int(width / (SMALL * LETTER))))
    return lines


def _cell(axes: Axes, at: Point, size: Point, cell: Cell) -> None:
    x, y = at
    if not cell.seen:
        axes.text(x, y, "–", fontsize=10, color=SOFT, ha="center", va="center")
        return
    fill, ink, word = LOOKS[cell.seen]
    edge, line = (BROKEN, 3.2) if cell.wrong else (FAINT if cell.seen == "blocked" else DARK, 1.0)
    box(axes, at, size, fill, edge, line=line, order=4 if cell.wrong else 3)
    small = _small(cell)
    lift = 0.075 if small else 0.0
    start = x - (CELL[0] - 0.09) / 2  # in the middle of a wide cell as well
    _mark(axes, (start + 0.2, y + lift), cell.seen, ink)
    axes.text(
        start + 0.36,
        y + lift,
        word,
        fontsize=8.8,
        fontweight="bold",
        color=ink,
        va="center",
        zorder=6,
    )
    if small:
        axes.text(
            x,
            y - 0.11,
            small,
            fontsize=7.4,
            color=ink if fill == DARK else INK,
            ha="center",
            va="center",
            zorder=6,
        )
    if cell.changed:
        right, top, side = x + size[0] / 2, y + size[1] / 2, 0.17
        corner = [(right - side, top), (right, top), (right, top - side)]
        axes.add_patch(Polygon(corner, closed=True, facecolor=INK, edgecolor=PAPER, linewidth=0.8, zorder=7))


def _small(cell: Cell) -> str:
    """The second line of a cell: what should be, or else what was."""
    if cell.wrong:
        return "should be reached" if cell.should else "should be blocked"
    return f"before: {LOOKS[cell.was][2]}" if cell.changed else ""


def _mark(axes: Axes, at: Point, seen: str, ink: str) -> None:
    """A tick, a ring, or a cross."""
    x, y = at
    if seen == "open":
        axes.plot(
            [x - 0.07, x - 0.02, x + 0.08], [y, y - 0.055, y + 0.065], color=ink, linewidth=2.4, zorder=6
        )
    elif seen == "refused":
        axes.plot(
            [x],
            [y],
            marker="o",
            markersize=7,
            markerfacecolor="none",
            markeredgecolor=ink,
            markeredgewidth=1.8,
            zorder=6,
        )
    else:
        axes.plot([x], [y], marker="x", markersize=6, markeredgecolor=ink, markeredgewidth=1.8, zorder=6)


def _legend(reach: Reach) -> list[str]:
    """What needs explaining, and occurs."""
    cells = [cell for _, _, cell in reach]
    found = {
        "refused": any(c.seen == "refused" for c in cells),
        "changed": any(c.changed for c in cells),
        "wrong": any(c.wrong for c in cells),
    }
    return [MEANS[name] for name, there in found.items() if there]


def describe(reach: Reach) -> str:
    """A line for each source, then what changed, then where packets and policy disagree."""
    rows: dict[str, list[str]] = {}
    for source, target, cell in reach:
        word = LOOKS[cell.seen][2] if cell.seen else "not asked"
        rows.setdefault(f"{source.name} ({source.kind})", []).append(f"{target.label} {word}")
    lines = [f"{who}: {', '.join(cells)}" for who, cells in rows.items()]
    for source, target, cell in reach.changed:
        was, now = LOOKS[cell.was][2], LOOKS[cell.seen][2]
        lines.append(f"changed: {source.name} → {target.label}, before: {was}, now: {now}")
    lines += [f"not as the policy says: {told(s.name, t.label, c)}" for s, t, c in reach.wrong]
    return "\n".join(lines) or "nobody was asked"


def told(source: str, target: str, cell: Cell) -> str:
    """``phone → tequila:22 should be blocked, and is reached``."""
    should = "reached" if cell.should else "blocked"
    return f"{source} → {target} should be {should}, and is {LOOKS[cell.seen][2]}"
