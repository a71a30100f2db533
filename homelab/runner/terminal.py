"""What a person sees of a run: one live line per stage, and below a failed one its evidence."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from homelab.runner.results import Results, StageResult
from homelab.runner.words import cut_short, reasons, sentence, undo_line, undoable
from homelab.secret import mask

MARKS = {
    "ok": "✓",
    "drift": "○",
    "failed": "✗",
    "skipped": "–",
    "interrupted": "■",
    "observed": "◦",
    "waiting": " ",
}
INK = {"ok": "32", "drift": "34", "failed": "31", "skipped": "2", "interrupted": "33", "observed": "2"}
TICK = 0.2  # seconds


class Terminal:
    """Writes to `out`; rewrites the live line in place where that is a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.live = self.out.isatty()
        self._lock = threading.Lock()
        self._under = ""
        self._width = 0

    def say(self, text: str = "") -> None:
        """A line of its own."""
        with self._lock:
            self.out.write(("\r\x1b[K" if self.live else "") + mask(text) + "\n")
            self.out.flush()

    def progress(self, line: str) -> None:
        """Something takes its time before the first stage: what, in a line."""
        if self.live:
            self._under = line
        else:
            print(mask(line), file=sys.stderr, flush=True)

    def under(self, heading: str) -> None:
        """What the live line says besides cell and time."""
        self._under = heading

    @contextmanager
    def watching(self, stage: StageResult, word: str = "") -> Iterator[None]:
        """Keep the live line of `stage` up to date meanwhile."""
        if not self.live:
            yield
            return
        done, start = threading.Event(), time.monotonic()
        self._under = word

        def tick() -> None:
            while not done.wait(TICK):
                self._draw(stage, time.monotonic() - start)

        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()
            with self._lock:
                self.out.write("\r\x1b[K")

    def _draw(self, stage: StageResult, seconds: float) -> None:
        cells = f"cell {stage.cell} of {stage.cells}" if stage.cell else "…"
        line = f"  {self._ink('·', '36')} {_name(stage)}{cells:<16}{seconds:6.1f} s  "
        room = shutil.get_terminal_size().columns - 2 - len(_name(stage)) - 30
        with self._lock:
            self.out.write(f"\r{line}{mask(self._under)[: max(room, 0)]}\x1b[K")
            self.out.flush()

    def stage(self, stage: StageResult) -> None:
        """The final line of a stage, and why where it did not go well."""
        where = (
            f"{stage.cells} cells"
            if stage.status in ("ok", "drift", "observed") and not cut_short(stage)
            else f"cell {stage.cell} of {stage.cells}"
        )
        mark = self._ink(MARKS[stage.status], INK[stage.status])
        self.say(f"  {mark} {_name(stage)}{where:<16}{stage.seconds:6.1f} s  {_sum(stage)}")
        for line in reasons(stage):
            self.say(f"      {line}")

    def end(self, results: Results, report: str, run: str) -> None:
        """How it all went, where to look, and, where it broke off, how to take back what `run` has applied."""
        self.say(f"{sentence(results)} {results.seconds:.1f} s.")
        if results.error:
            self.say(
                f"{results.error['what']}"
                + (f"\nHint: {results.error['hint']}" if results.error["hint"] else "")
            )
        if undoable(results):
            self.say(undo_line(results, run))
        self.say(f"Report: {report}")

    def _ink(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.live else text


def _name(stage: StageResult) -> str:
    return f"{stage.name:<20} "


def _sum(stage: StageResult) -> str:
    parts = [stage.status] if stage.status not in ("ok",) else []
    if cut_short(stage):
        parts = ["observed, not to its end"]
    for status in ("ok", "warn", "fail", "skip"):
        if count := sum(c["status"] == status for c in stage.checks):
            parts.append(f"{count} check{'s' * (count > 1)} {status}")
    for outcome in ("applied", "already", "planned", "observed", "failed"):
        if count := sum(c["outcome"] == outcome for c in stage.changes):
            parts.append(f"{count} change{'s' * (count > 1)} {outcome}")
    return " · ".join(parts)
