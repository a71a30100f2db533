"""The pictures of the weekly page: which day saw what, and small curves. Read by shape, so that grey print will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

from homelab.watch.findings import BROKEN, DRIFT, FAILED, SOON

MARKS = {DRIFT: "○", FAILED: "✗", BROKEN: "✗", SOON: "!", "well": "•", "unknown": "?"}
WORDS, CELL, ROW, TOP = 380, 22, 27, 36  # pixels: the words of a row, a day's width, a row's height, the head
MOST = 50  # letters of a row's words that have room


def days(head: Sequence[date], rows: Sequence[tuple[str, Mapping[date, str]]], said: str) -> str:
    """One row per thing, one column per day of `head`; a cell is a kind of finding, ``well``, ``unknown``, or missing."""
    width, height = WORDS + CELL * len(head), TOP + ROW * len(rows) + 4
    parts = []
    for n, day in enumerate(head):
        if n == 0 or (day.weekday() == 0 and n > 2):  # room for its words
            x = WORDS + CELL * n
            parts.append(f'<text class="soft" x="{x}" y="14">{day.day} {day:%b}</text>')
            parts.append(f'<line x1="{x}" y1="20" x2="{x}" y2="{height}"/>')
    for n, (words, cells) in enumerate(rows):
        y = TOP + ROW * n + 12
        short = words if len(words) <= MOST else f"{words[: MOST - 1]}…"
        parts.append(f'<text x="0" y="{y}">{escape(short)}<title>{escape(words)}</title></text>')
        parts += [
            f'<text class="mark {escape(kind)}" x="{WORDS + CELL * column + CELL // 2}" y="{y}">{MARKS[kind]}</text>'
            for column, day in enumerate(head)
            if (kind := cells.get(day, ""))
        ]
    return (
        f'<svg class="days" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said)}">'
        f"<title>{escape(said)}</title>{''.join(parts)}</svg>"
    )


def spark(points: Sequence[tuple[float, float]], said: str) -> str:
    """A small curve of `points` (when, how much), from their least to their most; nothing for fewer than two."""
    if len(points) < 2:
        return ""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    wide, high = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0
    flat = max(ys) == min(ys)
    at = [(100 * (x - min(xs)) / wide, 10.0 if flat else 18 - 16 * (y - min(ys)) / high) for x, y in points]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in at)
    return (
        f'<svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="{escape(said)}">'
        f'<title>{escape(said)}</title><path d="{path}"/></svg>'
    )
