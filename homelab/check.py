"""Checks: one question, asked from one vantage point, answered with evidence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, ParamSpec

from homelab import moment
from homelab.errors import CheckFailed, HomelabError
from homelab.record import BLOCK, MARKS, Showing, badge, inline, show
from homelab.vantage import Nobody

P = ParamSpec("P")
STATUSES = ("ok", "warn", "fail", "skip")


@dataclass(frozen=True)
class Answer(Showing):
    """What a check found: `status` is ok, warn, fail or skip; `evidence` is what was seen, in its words."""

    name: str
    vantage: str
    status: str
    evidence: str
    hint: str = ""

    def text(self) -> str:
        """One line, and the hint below it."""
        line = f"{MARKS[self.status]} {self.status:<4} {self.name} (from {self.vantage}): {self.evidence}"
        return f"{line}\n       Hint: {self.hint}" if self.hint and self.status != "ok" else line

    def html(self) -> str:
        """The same, with the status as a coloured word."""
        evidence, apart = f"<br>{inline(self.evidence)}", "<br>"
        if "\n" in self.evidence:  # a block stands on lines of its own
            evidence, apart = f'<pre style="{BLOCK}">{escape(self.evidence)}</pre>', ""
        hint = f"{apart}<i>Hint: {inline(self.hint)}</i>" if self.hint and self.status != "ok" else ""
        return f"<div>{badge(self.status)} &nbsp;<b>{escape(self.name)}</b> <small>from {escape(self.vantage)}</small>{evidence}{hint}</div>"

    def record(self) -> dict[str, Any]:
        """See `homelab.record`."""
        return {
            "kind": "check",
            "name": self.name,
            "vantage": self.vantage,
            "status": self.status,
            "evidence": self.evidence,
            "hint": self.hint or None,
        }


def check(question: Callable[P, Answer]) -> Callable[P, Answer]:
    """Mark a function as a check; its first argument is the vantage point.

    An error on the way is a failed answer, not a crash. A place that the world lacks answers *skip*. While changes of that world wait to be
    applied, the answer is *skip*: the question is about what is not there yet.
    """

    @functools.wraps(question)
    def asked(*args: P.args, **kwargs: P.kwargs) -> Answer:
        place = args[0] if args else None
        name = question.__name__.replace("_", " ")
        about = next((f": {word}" for a in (*args[1:], *kwargs.values()) if (word := _called(a))), "")
        if isinstance(place, Nobody):
            return Answer(f"{name}{about}", place.name, "skip", place.why, place.hint)
        waiting = getattr(getattr(place, "pending", None), "count", 0)
        if waiting:
            what = f"waits for {waiting} change{'s' * (waiting > 1)}"
            return Answer(f"{name}{about}", getattr(place, "name", "here"), "skip", what)
        try:
            with moment.anew():  # it measures
                return question(*args, **kwargs)
        except HomelabError as error:
            vantage = error.where or getattr(place, "name", "here")
            return Answer(name, str(vantage), "fail", error.what, error.hint)

    return asked


def _called(about: object) -> str:
    """What a question is about, as its skipped answer says it: a word, a host, or a machine's name."""
    word = about if isinstance(about, str) else getattr(about, "host", "") or getattr(about, "name", "")
    return word if isinstance(word, str) else ""


def prove(*answers: Answer) -> None:
    """Show the answers; the first that failed ends the stage.

    Raises:
        CheckFailed: an answer is *fail*; all answers are shown before.
    """
    for answer in answers:
        show(answer)
    for answer in answers:
        if answer.status == "fail":
            raise CheckFailed(answer.name, answer.vantage, answer.evidence, answer.hint)
