"""An address as a QR code, for phones: the talk ends with one on its last slide."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from typing import Any

import segno

from homelab.pictures.embedded import embedded
from homelab.pictures.picture import INK, PAPER

SCALE, BORDER = 6, 4  # pixels a module, and the quiet zone that the standard wants, in modules


@dataclass(frozen=True)
class QrCode:
    """`text` as a QR code, dark on white whatever the page's own colours are: scanners want it so."""

    text: str
    title: str = ""

    def __str__(self) -> str:
        return f"A QR code of {self.text}"

    @property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The modules without the quiet zone, a row each: 1 is dark."""
        return tuple(tuple(row) for row in self._made().matrix)

    def svg(self) -> str:
        """The code as SVG, with words for those who do not see it; the same text gives the same code."""
        out = io.BytesIO()
        self._made().save(
            out,
            kind="svg",
            scale=SCALE,
            border=BORDER,
            dark=INK,
            light=PAPER,
            xmldecl=False,
            svgns=True,
            omitsize=True,
            nl=False,
        )
        _, _, drawing = out.getvalue().decode().partition("<svg ")
        start, _, rest = drawing.partition(">")
        label = escape(self.title or str(self), quote=True)
        words = f"<title>{label}</title><desc>{escape(str(self))}</desc>"
        side = (len(self.rows) + 2 * BORDER) * SCALE
        size = f'width="{side}" height="{side}" style="max-width:100%;height:auto"'
        return f'<svg role="img" aria-label="{label}" {size} {start}>{words}{rest}'

    def _made(self) -> Any:
        # Level Q: a quarter of a projector's picture may be hidden by heads, and phones still read it.
        return segno.make(self.text, micro=False, error="q", boost_error=False)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": embedded(self.svg(), str(self), follows=False)}
