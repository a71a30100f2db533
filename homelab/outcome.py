"""What became of a change, shown live while a plan is applied."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from homelab.plan import Change
from homelab.record import MARKS, Showing, badge, code, inline, typed

DONE = ("applied", "already")  # before that, and where it failed, the whole command is to be read


@dataclass(frozen=True)
class Outcome(Showing):
    """`status`: applied, already, failed, planned (not applied) or observed (not ours to apply); `seconds` it took; the `error`, if any."""

    change: Change
    status: str
    seconds: float = 0.0
    error: str = ""

    def text(self) -> str:
        """One line a terminal can show."""
        c = self.change
        took = f"  {self.seconds:.1f} s" if self.seconds >= 0.05 else ""
        line = f"{MARKS[self.status]} {self.status:<8} on {c.machine}: {c.why}\n{typed(c.command, 11)}{took}"
        return f"{line}\n           {self.error}" if self.error else line

    def html(self) -> str:
        """The same, with the status as a coloured word."""
        c = self.change
        took = f" <small>{self.seconds:.1f} s</small>" if self.seconds >= 0.05 else ""
        error = f"<br>{inline(self.error)}" if self.error else ""
        return (
            f"<div>{badge(self.status)} &nbsp;<small>on {escape(c.machine)}</small> {inline(c.why)}{took}<br>"
            f"{code(c.command, folds=self.status in DONE)}{error}</div>"
        )

    def record(self) -> dict[str, Any]:
        """See `homelab.record`; what waits is told whole (``change``), so that it can be saved and applied later."""
        return {
            "kind": "outcome",
            **self.change.public(self.status),
            "seconds": round(self.seconds, 3),
            "error": self.error or None,
            **({"change": self.change.data()} if self.status == "planned" else {}),
        }
