"""How long a painter takes for a picture, and how much of the card it takes meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from homelab.errors import HomelabError
from homelab.imaging import requirements
from homelab.imaging.painter import PATIENCE, Painter
from homelab.imaging.timed import Times, repeated
from homelab.imaging.vram_peak import Look, Peak
from homelab.imaging.wish import Wish
from homelab.record import BLOCK, Showing

PNG, JPEG, WEBP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"
PROMPT = "a heavy gaming laptop on a shelf in a living room, humming, evening light"


@dataclass(frozen=True, eq=False)
class Painting(Showing):
    """What was measured: the `first` picture (s), in which the weights are loaded; the `times` of further ones;
    the `peak` of the card's memory in all of it; and the last `picture`, as the server's file.
    """

    painter: str
    url: str
    wish: Wish
    first: float
    times: Times
    peak: Peak
    picture: bytes

    def text(self) -> str:
        """Its numbers, and what Fooocus asks of that card."""
        w = self.wish
        lines = [
            f"{self.painter} at {self.url}: {w.size}, {w.performance}: {w.prompt!r}",
            f"{self.times} an image; the first, with its loading, {self.first:.1f} s",
            f"VRAM: {self.peak}",
        ]
        if self.peak.most:
            lines.append(str(requirements.verdict(self.peak.most.card, self.peak.most.total)))
        return "\n".join([*lines, *self.times.notes()])

    def html(self) -> str:
        """The same, under the picture."""
        import base64

        kind = "png" if self.picture.startswith(PNG) else "jpeg" if self.picture.startswith(JPEG) else "webp"
        data = base64.b64encode(self.picture).decode()
        picture = f'<img width="384" alt="{escape(self.wish.prompt, quote=True)}" src="data:image/{kind};base64,{data}">'
        return f'<div>{picture}<pre style="{BLOCK}">{escape(self.text())}</pre></div>'

    def record(self) -> dict[str, Any]:
        """See `homelab.record`."""
        most, before = self.peak.most, self.peak.before
        return {
            "kind": "measurement",
            "what": "text to image",
            "engine": f"{self.painter} at {self.url}",
            "size": self.wish.size,
            "performance": self.wish.performance,
            "first_seconds": self.first,
            "seconds": self.times.seconds.mean,
            "repetitions": self.times.data(),
            "card": most.card if most else None,
            "vram_peak_bytes": most.used if most else None,
            "vram_before_bytes": before.used if before else None,
            "vram_total_bytes": most.total if most else None,
            "card_lost": self.peak.lost,
        }


def measure(
    painter: Painter,
    wish: Wish | None = None,
    *,
    repetitions: int = 3,
    look: Look | None = None,
    seconds: float = PATIENCE,
) -> Painting:
    """Paint one picture for the loading, then `repetitions` more, each with a seed of its own.

    `look` sees the card's memory (`vram_peak.here` or `there`); `seconds` bounds each picture.

    Raises:
        HomelabError: the painter refuses, ends without a picture, or sends what is none.
        NoAnswer: it does not answer in time.
        ValueError: no repetition is wanted.
    """
    asked = wish or Wish(PROMPT)
    if repetitions < 1:
        raise ValueError(f"{repetitions} repetitions are no measurement: at least 1")
    seeds = iter(range(asked.seed, asked.seed + 100 * (repetitions + 1)))

    def paint() -> bytes:
        made = painter.paint(replace(asked, seed=next(seeds)), seconds)
        if not made.startswith((PNG, JPEG, WEBP)):
            raise HomelabError(f"it sent {len(made)} bytes that are no picture", painter.url)
        return made

    with Peak(look) as peak:
        start = time.perf_counter()
        paint()
        first = time.perf_counter() - start
        times, picture = repeated(paint, repetitions, warm_up=False)
    return Painting(painter.name, painter.url, asked, first, times, peak, picture)
