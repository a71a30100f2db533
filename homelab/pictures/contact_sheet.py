"""A film in one look: stills of it in a row, each with its time, and below them what it is and where it came from."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from homelab.pictures.embedded import embedded
from homelab.pictures.picture import INK, PAPER, SOFT

if TYPE_CHECKING:
    from homelab.clients.screening import Screening

MARGIN, TITLE, LINE = (
    16,
    40,
    20,
)  # in the picture's own units: at its sides, above the stills, of a line of words
FONT = "DejaVu Sans,Verdana,sans-serif"
# Turned over, a film would be its negative: on a dark page only the paper and the words are.
DARK = "<style>@media screen and (prefers-color-scheme:dark){rect{fill:#141414}path{stroke:#141414}text{fill:#e0e0e0}}</style>"


@dataclass(frozen=True)
class ContactSheet:
    """The stills of a screening as SVG, and the same facts as text; where it has none, the words alone."""

    screening: Screening

    @property
    def title(self) -> str:
        """Which film, and who gets it."""
        return f"{self.screening.film.title}, as {self.screening.by} gets it"

    def __str__(self) -> str:
        times = ", ".join(f"{at:.1f}" for at in self.screening.at)
        stills = f"stills at {times} s" if times else f"no stills: {self.screening.by} has no ffmpeg"
        return "\n".join((self.title, stills, *self.screening.facts()))

    def svg(self) -> str:
        """One picture; nothing is fetched, and no script is in it."""
        (wide, high), at = self.screening.size, self.screening.at
        width, y = len(at) * wide + 2 * MARGIN, TITLE + high + LINE if at else TITLE - 8
        height = y + LINE * len(self.screening.facts()) + MARGIN
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" style="max-width:100%;height:auto" font-family="{FONT}" font-size="13">',
            f"<title>{escape(self.title)}</title><desc>{escape(str(self))}</desc>{DARK}",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
            f'<text x="{MARGIN}" y="26" font-size="14" font-weight="bold" fill="{INK}">{escape(self.title)}</text>',
        ]
        if at:
            data = base64.b64encode(self.screening.stills).decode()
            parts.append(
                f'<image x="{MARGIN}" y="{TITLE}" width="{len(at) * wide}" height="{high}" href="data:image/jpeg;base64,{data}"/>'
            )
        for n, second in enumerate(at):
            x = MARGIN + n * wide
            if n:
                parts.append(f'<path d="M{x} {TITLE}v{high}" stroke="{PAPER}" stroke-width="3"/>')
            parts.append(
                f'<text x="{x + wide / 2:g}" y="{TITLE + high + 16}" text-anchor="middle" fill="{SOFT}">{second:.1f} s</text>'
            )
        for n, words in enumerate(self.screening.facts()):
            parts.append(
                f'<text x="{MARGIN}" y="{y + LINE * (n + 1)}" fill="{SOFT if n else INK}">{escape(words)}</text>'
            )
        return "\n".join([*parts, "</svg>"])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": embedded(self.svg(), str(self), follows=False)}
