"""The replay of a recorded session: what its terminal showed, line by line, with the time beside it.

A real terminal emulator (pyte) reads the output, so that colours, corrections at the prompt and
programs that paint the whole screen come out as they were seen. The picture is still when printed;
on a screen the lines appear at the session's own pace, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pyte

from homelab.pictures.embedded import embedded
from homelab.pictures.picture import BLUE, FAINT, INK, PAPER, SOFT
from homelab.secret import mask
from homelab.shell.recordings import Recording, veiled

MOST = 120  # lines of a picture; more are counted
WIDE, TALL = 100, 24  # where there was no terminal
WIPED = re.compile(r"(?=\x1b\[[23]J|\x1b\[\?1049[hl]|\x1bc)")  # the program begins a new screen
LETTER, ROW, SIZE, GUTTER, TOP = 7.4, 16.0, 12.2, 64.0, 58.0  # in the picture's own units
LONGEST_PAUSE = 1.5  # seconds that a viewer waits at most between two lines
# Dark enough on light paper; every one also differs in lightness from its neighbours.
HUES = {
    "black": INK, "red": "#b3261e", "green": "#00693e", "brown": "#7a5200", "blue": BLUE,
    "magenta": "#8a2f6b", "cyan": "#0b6478", "white": SOFT,
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A piece of a line in one style, from column `at`."""

    at: int
    text: str
    colour: str = INK
    bold: bool = False


@dataclass(frozen=True)
class Line:
    """A line that the terminal showed; `at` is when it began (s)."""

    at: float
    runs: tuple[Run, ...]

    @property
    def text(self) -> str:
        """The line without its colours."""
        out = ""
        for run in self.runs:
            out = out.ljust(run.at) + run.text
        return out.rstrip()


def shown(recording: Recording) -> list[Line]:
    """Every line that the session's terminal showed, in order, also those that went off its top."""
    found: list[Line] = []
    columns, rows = recording.columns or WIDE, recording.lines or TALL
    screen = pyte.HistoryScreen(columns, rows, history=100_000, ratio=0.5)
    if not recording.columns:
        screen.set_mode(pyte.modes.LNM)  # no terminal was there to turn a line's end into two characters
    stream = pyte.Stream(screen)
    began: dict[int, float] = {}
    for at, part in _parts(recording):
        if WIPED.match(part):
            found += _lines(screen, began)
            screen.reset()
            began = {}
            if not recording.columns:
                screen.set_mode(pyte.modes.LNM)
        stream.feed(part)
        top = len(screen.history.top)
        for row in screen.dirty:
            if any(c.data.strip() for c in screen.buffer[row].values()):
                began.setdefault(top + row, at)
        for row in range(top):
            began.setdefault(row, at)
        screen.dirty.clear()
    return found + _lines(screen, began)


def _parts(recording: Recording) -> Iterator[tuple[float, str]]:
    for at, text in recording.output:
        for part in WIPED.split(text):
            if part:
                yield at, part


def _lines(screen: pyte.HistoryScreen, began: dict[int, float]) -> list[Line]:
    rows = [*screen.history.top, *(screen.buffer[n] for n in range(screen.lines))]
    found = [
        Line(began.get(n, 0.0), tuple(runs([row[x] for x in range(screen.columns)])))
        for n, row in enumerate(rows)
    ]
    while found and not found[-1].text:
        found.pop()
    return found


def runs(row: Sequence[Any]) -> Iterator[Run]:
    """The characters of a terminal's line (pyte's), gathered into pieces of one style."""
    start, style, text = 0, (INK, False), ""
    for x, char in enumerate(row):
        now = (HUES.get(char.fg, INK), bool(char.bold))
        if now != style and text:
            if text.strip():
                yield Run(start, text, *style)
            start, text = x, ""
        if not text:
            start, style = x, now
        text += char.data
    if text.strip():
        yield Run(start, text.rstrip(), *style)


@dataclass(frozen=True)
class Replay:
    """A recorded session to look at: as SVG, and as text."""

    recording: Recording
    lines: tuple[Line, ...]

    @property
    def about(self) -> tuple[str, str]:
        """Who was whom; when, how long, and by which command."""
        r = self.recording
        what = f"command: {r.command}" if r.command else "an interactive shell"
        ended = "" if r.state == "whole" else f" · {r.state}"
        return r.title, f"{r.began:%Y-%m-%d %H:%M:%S} UTC · {r.seconds:.1f} s{ended} · {what}"

    def __str__(self) -> str:
        body = [f"{line.at:6.1f} s  {line.text}".rstrip() for line in self.lines]
        return mask("\n".join([*self.about, *body]))

    def svg(self) -> str:
        """One picture; nothing is fetched, and no script is in it."""
        kept = self.lines[:MOST]
        more = len(self.lines) - len(kept)
        columns = max([60, *(len(line.text) for line in kept)])
        width = GUTTER + columns * LETTER + 16
        height = TOP + (len(kept) + bool(more)) * ROW + 12
        first, second = (escape(mask(text)) for text in self.about)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" font-size="{SIZE}">',
            f"<title>Replay: {first}</title><desc>{escape(str(self))}</desc>",
            "<style>text{font-family:ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace;white-space:pre}"
            "@media screen and (prefers-reduced-motion:no-preference)"
            "{.l{animation:l .05s both}@keyframes l{from{opacity:0}}}</style>",
            f'<rect x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="6" fill="{PAPER}" stroke="{FAINT}"/>',
            f'<text x="12" y="21" fill="{INK}" font-weight="bold">{first}</text>',
            f'<text x="12" y="38" fill="{SOFT}">{second}</text>',
            f'<path d="M0 47H{width:.0f}M{GUTTER - 10} 47V{height:.0f}" stroke="{FAINT}"/>',
        ]
        for n, (line, delay) in enumerate(zip(kept, _delays(kept), strict=True)):
            parts.append(_row(line, TOP + n * ROW + 6, delay, n == 0 or line.at - kept[n - 1].at >= 0.05))
        if more:
            y = TOP + len(kept) * ROW + 6
            parts.append(
                f'<text x="{GUTTER}" y="{y:.0f}" fill="{SOFT}">… and {more} lines more, in the file</text>'
            )
        return "".join([*parts, "</svg>"])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": embedded(self.svg(), str(self))}


def replay(recording: Recording) -> Replay:
    """`recording`, which has been fetched, to look at."""
    return Replay(recording, tuple(shown(veiled(recording))))


def _delays(lines: Sequence[Line]) -> Iterator[float]:
    """When each line appears: the session's own pace, long pauses cut short."""
    now = before = 0.0
    for line in lines:
        now += min(max(line.at - before, 0.0), LONGEST_PAUSE)
        before = max(before, line.at)
        yield now


def _row(line: Line, y: float, delay: float, timed: bool) -> str:
    stamp = (
        f'<text x="{GUTTER - 16}" y="{y:.0f}" fill="{SOFT}" text-anchor="end" font-size="10.5">{line.at:.1f} s</text>'
        if timed
        else ""
    )
    pieces = "".join(_piece(run, y) for run in line.runs)
    return f'<g class="l" style="animation-delay:{delay:.2f}s">{stamp}{pieces}</g>'


def _piece(run: Run, y: float) -> str:
    weight = ' font-weight="bold"' if run.bold else ""
    return (
        f'<text x="{GUTTER + run.at * LETTER:.1f}" y="{y:.0f}" fill="{run.colour}"{weight} '
        f'textLength="{len(run.text) * LETTER:.1f}" lengthAdjust="spacingAndGlyphs">{escape(mask(run.text))}</text>'
    )
