"""What every picture shares: one palette, one size of letters, and words for those who do not see it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from homelab.pictures.embedded import embedded

# Okabe and Ito's colours tell apart for every kind of colour vision; tints are the same hues, lighter.
INK, SOFT, FAINT, PAPER = "#1f2933", "#616e7c", "#c3cad3", "#ffffff"
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0a6aa8", "#966200", "#007a5a", "#9c4a78", "#22749f"
BROKEN, STRAINED = "#c8500a", "#8a6100"
TINTS = {BLUE: "#eaf3f9", ORANGE: "#fdf4e1", GREEN: "#e6f4ef", PURPLE: "#f8edf3", SKY: "#eaf5fb"}

# Text stays text in the SVG: small, searchable, testable. Verdana has DejaVu's widths where that is missing.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "homelab",
    "font.family": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 9,
    "text.color": INK,
}
# Matplotlib has one style for all threads, and a panel draws beside a notebook's cells.
_one = threading.Lock()


@contextmanager
def _styled() -> Iterator[None]:
    with _one, rc_context(STYLE):
        yield


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn figure with its `alternative`: the same facts in words."""

    figure: Figure
    alternative: str
    title: str = ""

    def __str__(self) -> str:
        return self.alternative

    def svg(self) -> str:
        """The picture as SVG, with title and description for screen readers; the same data, the same text."""
        buffer = io.StringIO()
        with _styled():
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        _, _, drawing = buffer.getvalue().partition("<svg ")
        start, _, rest = drawing.partition(">")
        label = escape(self.title or self.alternative.partition("\n")[0], quote=True)
        words = f"<title>{label}</title><desc>{escape(self.alternative)}</desc>"
        return (
            f'<svg role="img" aria-label="{label}" style="max-width:100%;height:auto" {start}>{words}{rest}'
        )

    def png(self, dpi: int = 144) -> bytes:
        """The picture as PNG."""
        buffer = io.BytesIO()
        with _styled():
            self.figure.savefig(buffer, format="png", dpi=dpi)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": self.alternative, "text/html": embedded(self.svg(), self.alternative)}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty white sheet of `width` by `height` inches; one unit of its axes is one inch, y grows upwards."""
    with _styled():
        figure = Figure(figsize=(width, height), facecolor=PAPER)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        axes.set_axis_off()
    return figure, axes
