"""The reach matrix as a picture: who (rows) reaches what (columns).

What is seen is a fill, a mark and a word; what changed has a black corner; where packets and policy
disagree the cell has a thick outline and says what should be. In grey print fill and mark stay apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from homelab.pictures.picture import BROKEN, FAINT, GREEN, INK, PAPER, SOFT, Picture, canvas
from homelab.pictures.shapes import LETTER, Point, box, fit

if TYPE_CHECKING:
    from homelab.reach import Cell, Reach

CELL, HEAD, LEFT, MARGIN = (1.28, 0.52), 0.56, 2.35, 0.16  # inches
TITLE, LEGEND = 0.36, 0.3  # inches
DARK, LIGHT, OPEN = GREEN, "#bfe3d6", PAPER  # what is open, refused, blocked: dark, light, white
LOOKS = {  # fill, ink, and the word of what was seen
    "open": (DARK, PAPER, "reached"),
    "refused": (LIGHT, INK, "arrives"),
    "blocked": (OPEN, SOFT, "blocked"),
}
MEANS = {
    "refused": "arrives: let through, and nothing listens there",
    "changed": "black corner: changed",
    "wrong": "thick outline: not as the policy says",
}


def matrix(reach: Reach, title: str = "") -> Picture:
    """A drawing of `reach`; the alternative text has every cell, then what changed and what is wrong."""
    columns, rows = len(reach.targets), len(reach.sources)
    legend = _legend(reach)
    width = max(LEFT + columns * CELL[0], len("  ·  ".join(legend)) * 8 * LETTER) + 2 * MARGIN
    width = max(width, len(title) * 11 * LETTER + 2 * MARGIN)
    height = (TITLE if title else 0) + HEAD + rows * CELL[1] + (LEGEND if legend else 0) + 2 * MARGIN
    figure, axes = canvas(width, height)
    top = height - MARGIN
    if title:
        axes.text(MARGIN, top - 0.1, title, fontsize=11, fontweight="bold", va="center")
        top -= TITLE
    for j, target in enumerate(reach.targets):
        x = MARGIN + LEFT + (j + 0.5) * CELL[0]
        _head(axes, (x, top - HEAD / 2), target.name, *_where(target.machine, target.port))
    for i, source in enumerate(reach.sources):
        y = top - HEAD - (i + 0.5) * CELL[1]
        axes.text(MARGIN, y + 0.085, source.name, fontsize=9.6, fontweight="bold", va="center")
        axes.text(MARGIN, y - 0.09, fit(source.kind, LEFT - 0.1, 8), fontsize=8, color=SOFT, va="center")
    for n, (_, _, cell) in enumerate(reach):
        i, j = divmod(n, columns)
        _cell(axes, (MARGIN + LEFT + (j + 0.5) * CELL[0], top - HEAD - (i + 0.5) * CELL[1]), cell)
    if legend:
        axes.text(MARGIN, MARGIN + 0.08, "  ·  ".join(legend), fontsize=8, color=SOFT, va="center")
    return Picture(figure, describe(reach), title)


def _where(machine: str, port: int) -> tuple[str, str]:
    return machine, f"port {port}" if port else "ping"


def _head(axes: Axes, at: Point, name: str, machine: str, port: str) -> None:
    first, second = (name, f"{machine}, {port}") if name else (machine, port)
    axes.text(
        at[0],
        at[1] + 0.11,
        fit(first, CELL[0], 9.6),
        fontsize=9.6,
        fontweight="bold",
        ha="center",
        va="center",
    )
    axes.text(at[0], at[1] - 0.08, fit(second, CELL[0], 8), fontsize=8, color=SOFT, ha="center", va="center")


def _cell(axes: Axes, at: Point, cell: Cell) -> None:
    x, y = at
    size = (CELL[0] - 0.09, CELL[1] - 0.09)
    if not cell.seen:
        axes.text(x, y, "–", fontsize=10, color=SOFT, ha="center", va="center")
        return
    fill, ink, word = LOOKS[cell.seen]
    edge, line = (BROKEN, 3.2) if cell.wrong else (FAINT if cell.seen == "blocked" else DARK, 1.0)
    box(axes, at, size, fill, edge, line=line, order=4 if cell.wrong else 3)
    small = _small(cell)
    lift = 0.075 if small else 0.0
    _mark(axes, (x - size[0] / 2 + 0.2, y + lift), cell.seen, ink)
    axes.text(
        x - size[0] / 2 + 0.36,
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
