"""A recorded terminal as it stood at any moment: what a replay shows that can be stopped and turned back."""

from __future__ import annotations

from html import escape

import pyte

from homelab.pictures.picture import FAINT, INK, PAPER, SOFT
from homelab.pictures.replay import HUES, TALL, WIDE, Run, runs
from homelab.secret import mask
from homelab.shell.recordings import Recording, veiled

# What each colour becomes where the page is dark.
LIT = {
    INK: "#e0e0e0", PAPER: "#141414", FAINT: "#4a4f57", SOFT: "#a7b0ba", HUES["red"]: "#ff8a80", HUES["green"]: "#5cc48f",
    HUES["brown"]: "#e0b050", HUES["blue"]: "#6cb6ff", HUES["magenta"]: "#e39ac8", HUES["cyan"]: "#67c3d6",
}  # fmt: skip


def _shade(colour: str) -> str:
    return f"light-dark({colour},{LIT[colour]})"


CURSOR = f"background:{_shade(INK)};color:{_shade(PAPER)}"
STYLE = (
    f"background:{_shade(PAPER)};color:{_shade(INK)};border:1px solid {_shade(FAINT)};border-radius:6px;padding:8px 12px;margin:0;"
    "font:13px/1.3 ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace;overflow-x:auto;white-space:pre"
)


class Screen:
    """The terminal of `recording`, whose output was fetched. Going on reads only what is new; going back starts anew."""

    def __init__(self, recording: Recording) -> None:
        self._recording = veiled(recording)
        self._begin()

    def _begin(self) -> None:
        r = self._recording
        self._screen = pyte.Screen(r.columns or WIDE, r.lines or TALL)
        if not r.columns:
            self._screen.set_mode(
                pyte.modes.LNM
            )  # no terminal was there to turn a line's end into two characters
        self._stream = pyte.Stream(self._screen)
        self._read = 0  # pieces of output

    def at(self, seconds: float) -> str:
        """The screen after `seconds`, as HTML of one size, with its cursor."""
        output = self._recording.output
        if self._read and output[self._read - 1][0] > seconds:
            self._begin()
        while self._read < len(output) and output[self._read][0] <= seconds:
            self._stream.feed(output[self._read][1])
            self._read += 1
        return self._html()

    def text(self) -> str:
        """What stands there now, without colours."""
        return mask("\n".join(line.rstrip() for line in self._screen.display).rstrip())

    def _html(self) -> str:
        screen, cursor = self._screen, self._screen.cursor
        lines = []
        for y in range(screen.lines):
            row = [screen.buffer[y][x] for x in range(screen.columns)]
            lines.append(_line(list(runs(row)), cursor.x if y == cursor.y and not cursor.hidden else None))
        body, words = "\n".join(lines), escape(self.text())
        return f'<pre class="terminal-then" role="img" aria-label="{words}" style="{STYLE}">{body}</pre>'


def _line(pieces: list[Run], cursor: int | None) -> str:
    """A line of the screen; masked before the cursor is put into it."""
    out, at = "", 0
    for run in pieces:
        out += _text(" " * (run.at - at), at, cursor)
        weight = ";font-weight:bold" if run.bold else ""
        out += (
            f'<span style="color:{_shade(run.colour)}{weight}">{_text(mask(run.text), run.at, cursor)}</span>'
        )
        at = run.at + len(run.text)
    if cursor is not None and cursor >= at:
        out += _text(" " * (cursor - at + 1), at, cursor)
    return out


def _text(text: str, at: int, cursor: int | None) -> str:
    """`text`, which begins in column `at`, with the `cursor` on its character where it is in it."""
    if cursor is None or not at <= cursor < at + len(text):
        return escape(text)
    n = cursor - at
    return f'{escape(text[:n])}<span style="{CURSOR}">{escape(text[n])}</span>{escape(text[n + 1 :])}'
