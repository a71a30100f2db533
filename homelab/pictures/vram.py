"""Will it fit: models (rows) by cards (columns), a table for each context.

A cell says how much of the card's memory the model needs, the fuller the darker, also in grey print; a mark
and a dashed edge say that it is too much. What spills says how many of the layers the card could hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from homelab.pictures.picture import BROKEN, FAINT, GREEN, INK, PAPER, SOFT, STRAINED, Picture, canvas
from homelab.pictures.shapes import LETTER, Point, box, faded, fit

if TYPE_CHECKING:
    from homelab.gpu.fit import Verdict

CELL, HEAD, LEFT, MARGIN = (1.08, 0.36), 0.5, 2.48, 0.16  # inches
TITLE, PART, LEGEND = 0.36, 0.34, 0.24  # inches
APART = 0.24  # inches between two tables
NEARLY = 0.7  # of a card: what is fuller has light letters
SMALL = 8.6  # points: the letters of the legend
SPACE = " \u00a0 \u00a0 "  # between the words of the legend: a browser makes one of ordinary ones
LOOKS = {  # fill, edge, ink, mark
    "fits": (GREEN, GREEN, INK, "✓"),
    "tight": (STRAINED, STRAINED, PAPER, "!"),
    "spills": ("#fbe3d3", BROKEN, INK, "▼"),
    "no": (PAPER, FAINT, SOFT, "✗"),
}
MEANS = {
    "fits": "✓ fits, the darker the fuller",
    "tight": "! tight: above 90 %",
    "spills": "▼ spills: so many layers on the card, the others on the processor",
    "no": "✗ no",
}


@dataclass(frozen=True)
class Fit:
    """One cell: does `model` fit on `card` with `context` tokens? None: the model was not made for so many."""

    model: str
    card: str
    context: int
    verdict: Verdict | None


def vram(fits: Sequence[Fit], title: str = "Will it fit?") -> Picture:
    """A table for each context in `fits`, one under the other; rows, columns and tables in the order given."""
    models, cards, contexts = (
        list(dict.fromkeys(v)) for v in zip(*((f.model, f.card, f.context) for f in fits), strict=True)
    )
    cells = {(f.model, f.card, f.context): f.verdict for f in fits}
    words = [MEANS[w] for w in MEANS if any(v and v.word == w for v in cells.values())]
    words += ["– more than the model was made for"] if None in cells.values() else []
    width = LEFT + len(cards) * CELL[0] + 2 * MARGIN
    legend = list(_rows(words, width - 2 * MARGIN))
    height = TITLE + len(contexts) * (PART + HEAD + len(models) * CELL[1]) + LEGEND * len(legend) + 2 * MARGIN
    height += APART * (len(contexts) - 1)
    figure, axes = canvas(width, height)
    axes.text(MARGIN, height - MARGIN - 0.1, title, fontsize=11, fontweight="bold", va="center")
    top = height - MARGIN - TITLE
    for context in contexts:
        _table(axes, top, context, models, cards, cells)
        top -= PART + HEAD + len(models) * CELL[1] + APART
    for n, row in enumerate(reversed(legend)):
        axes.text(MARGIN, MARGIN + 0.06 + n * LEGEND, row, fontsize=SMALL, color=SOFT, va="center")
    return Picture(figure, describe(fits), title)


def _rows(words: Sequence[str], room: float) -> Iterator[str]:
    """`words` in as many rows as it takes for each to be narrower than `room` (inches)."""
    row = ""
    for word in words:
        longer = f"{row}{SPACE}{word}" if row else word
        if row and len(longer) * SMALL * LETTER > room:
            yield row
            longer = word
        row = longer
    yield row


def _table(
    axes: Axes, top: float, context: int, models: Sequence[str], cards: Sequence[str],
    cells: dict[tuple[str, str, int], Verdict | None],
) -> None:  # fmt: skip
    axes.text(
        MARGIN,
        top - 0.2,
        f"with {context:,} tokens of context",
        fontsize=9.4,
        color=INK,
        va="center",
        fontweight="bold",
    )
    memory = {card: next((v.there for (_, c, _), v in cells.items() if c == card and v), 0) for card in cards}
    for j, card in enumerate(cards):
        x, y = MARGIN + LEFT + (j + 0.5) * CELL[0], top - PART - HEAD / 2
        axes.text(
            x, y + 0.09, fit(card, CELL[0], 8.4), fontsize=8.4, fontweight="bold", ha="center", va="center"
        )
        axes.text(
            x,
            y - 0.09,
            f"{memory[card] / (1 << 30):.3g} GiB",
            fontsize=8.2,
            color=SOFT,
            ha="center",
            va="center",
        )
    for i, model in enumerate(models):
        y = top - PART - HEAD - (i + 0.5) * CELL[1]
        axes.text(MARGIN, y, fit(model, LEFT - 0.05, 9.2), fontsize=9.2, va="center")
        for j, card in enumerate(cards):
            _cell(axes, (MARGIN + LEFT + (j + 0.5) * CELL[0], y), cells.get((model, card, context)))


def _cell(axes: Axes, at: Point, verdict: Verdict | None) -> None:
    x, y = at
    if verdict is None:
        axes.text(x, y, "–", fontsize=9, color=SOFT, ha="center", va="center")
        return
    fill, edge, ink, mark = LOOKS[verdict.word]
    if verdict.word == "fits":
        fill, ink = shade(verdict.share)
    box(axes, at, (CELL[0] - 0.07, CELL[1] - 0.07), fill, edge, radius=0.05, dashed=verdict.word == "spills")
    axes.text(
        x - CELL[0] / 2 + 0.14, y - 0.01, mark, fontsize=9, color=ink, ha="center", va="center", zorder=6
    )
    axes.text(x + 0.08, y, _small(verdict), fontsize=8.8, color=ink, ha="center", va="center", zorder=6)


def shade(share: float) -> tuple[str, str]:
    """The fill and the ink of a cell that is full to `share`: letters are read on both, also on a dark page, turned over."""
    if share > NEARLY:
        return faded(GREEN, 0.93 + 0.07 * (share - NEARLY) / (1 - NEARLY)), PAPER
    return faded(GREEN, 0.1 + 0.5 * share), INK


def _small(verdict: Verdict) -> str:
    if verdict.word == "spills":
        return f"{_times(verdict.share)}, {verdict.layers_on_card} on"
    return _times(verdict.share)


def _times(share: float) -> str:
    return f"{share:.0%}" if share < 2 else f"{share:.1f} ×"


def describe(fits: Sequence[Fit]) -> str:
    """A line for each model and context, with every card in words."""
    rows: dict[tuple[int, str], list[str]] = {}
    for one in fits:
        if one.verdict is None:
            said = "more context than it was made for"
        else:
            said = f"{one.verdict.word} ({_times(one.verdict.share)})"
            if one.verdict.word == "spills":
                said = (
                    f"spills ({_times(one.verdict.share)}, {one.verdict.layers_on_card} layers on the card)"
                )
        rows.setdefault((one.context, one.model), []).append(f"{one.card} {said}")
    return "\n".join(
        f"{model} at {context:,} tokens: {', '.join(said)}" for (context, model), said in rows.items()
    )
