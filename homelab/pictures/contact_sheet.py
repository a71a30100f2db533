"""A film in one look: stills of it in a row, each with its time, and below them what it is and where it came from."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.image import imread

from homelab.pictures.picture import FAINT, INK, SOFT, Picture, canvas

if TYPE_CHECKING:
    from homelab.clients.screening import Screening

WIDTH, MARGIN = 9.0, 0.2  # inches
TOP, LINE = 0.46, 0.2  # the title's height, and a line's


def contact_sheet(screening: Screening) -> Picture:
    """The stills of `screening`, or where there are none the words alone."""
    film, facts = screening.film, screening.facts()
    title = f"{film.title}, as {screening.by} gets it"
    pixels = imread(io.BytesIO(screening.stills)) if screening.stills else None
    high = (WIDTH - 2 * MARGIN) * pixels.shape[0] / pixels.shape[1] + 0.3 if pixels is not None else 0.0
    height = TOP + high + LINE * len(facts) + MARGIN
    figure, axes = canvas(WIDTH, height)
    axes.text(MARGIN, height - 0.26, title, va="center", fontsize=10.5, fontweight="bold", color=INK)
    if pixels is not None:
        bottom, top = height - TOP - high + 0.3, height - TOP
        # No smoothing: else the pixels would be made anew, larger.
        axes.imshow(pixels, extent=(MARGIN, WIDTH - MARGIN, bottom, top), interpolation="none", aspect="auto")
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, height)
        step = (WIDTH - 2 * MARGIN) / len(screening.at)
        for n, at in enumerate(screening.at):
            if n:
                x = MARGIN + n * step
                axes.plot((x, x), (bottom, top), color=FAINT, linewidth=1.5)
            axes.text(
                MARGIN + (n + 0.5) * step, bottom - 0.13, f"{at:.1f} s", ha="center", va="center", color=SOFT
            )
    for n, words in enumerate(facts):
        axes.text(
            MARGIN, MARGIN + LINE * (len(facts) - 1 - n), words, va="center", color=INK if n == 0 else SOFT
        )
    times = ", ".join(f"{at:.1f}" for at in screening.at)
    stills = f"stills at {times} s" if times else f"no stills: {screening.by} has no ffmpeg"
    return Picture(figure, "\n".join((title, stills, *facts)), title)
