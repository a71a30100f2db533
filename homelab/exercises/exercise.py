"""An exercise: something to bring about in the lab, a look that says whether it is so, two hints, a worked answer.

Whether it is done is asked of the world each time and kept nowhere; while it is asked, nothing may be changed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from homelab import labsocket, stages
from homelab.check import Answer
from homelab.errors import HomelabError, ParamsError, Problem
from homelab.progress import DONE, LOOKS, NOT_YET
from homelab.record import BLOCK, COLOURS, MARKS, Showing, inline

if TYPE_CHECKING:
    from homelab.world import World

CELL, HERE = "cell", "here"
NOW = 0.2  # seconds: whether an exercise is done is looked at, and not waited for
FOLDED = ("Hint 1", "Hint 2", "Worked answer")
FOR_THE_LAB = (
    "for the lab: in a house where people live nobody breaks things as an exercise, so it is not looked at"
)
LATER = "changes wait to be applied, so it is not looked at"


@dataclass(frozen=True)
class Typed:
    """What one types: `where` is a machine of the lab (in a shell there), `HERE` (in your own terminal) or `CELL`."""

    where: str
    what: str

    def text(self) -> str:
        """As it stands in a terminal, or in a cell of the notebook."""
        if self.where == CELL:
            return f"# a cell of this notebook\n{self.what}"
        if self.where == HERE:
            return "\n".join(f"$ {line}" for line in self.what.splitlines())
        lines = [f"{self.where}# {line}" for line in self.what.splitlines()]
        return "\n".join((f"$ ./runbook lab shell {self.where}", *lines))


@dataclass(frozen=True)
class Exercise:
    """One exercise of a stage, which the notebook states in prose.

    `done` asks the world, by checks (read-only: the world's guard is on meanwhile), whether it is so. `answer` is
    what one types to bring it about; `back` is what one types to take it back.
    """

    title: str
    done: Callable[[World], Answer]
    hints: tuple[str, str]
    answer: tuple[Typed, ...]
    back: tuple[Typed, ...]


@dataclass(frozen=True)
class Look(Showing):
    """What the world says of an exercise: `state` is done, not yet or skip; the first `show` of `FOLDED` are open."""

    number: str
    exercise: Exercise
    state: str
    evidence: str
    show: int = 0

    def parts(self) -> tuple[str, str, str]:
        """What is folded: both hints, and the answer with its way back."""
        answer, back = (
            "\n".join(t.text() for t in part) for part in (self.exercise.answer, self.exercise.back)
        )
        return (*self.exercise.hints, f"{answer}\n\nAnd back:\n{back}")

    def text(self) -> str:
        """A line, what was seen, and what is open of the hints; or how one opens them."""
        lines = [
            f"{self._mark()} {self.state:<7}  {self.number}  {self.exercise.title}",
            f"    {self.evidence}",
        ]
        for name, part in list(zip(FOLDED, self.parts(), strict=True))[: self.show]:
            lines += [f"  {name}:", *(f"    {line}".rstrip() for line in part.splitlines())]
        if not self.show:
            call = f'exercise(world, "{self.number}", show=1)'
            lines.append(f"    {call} shows a hint, show=2 both, show=3 the worked answer too.")
        return "\n".join(lines)

    def html(self) -> str:
        """The same, with what is folded to be unfolded by a click."""
        badge = f'<b style="color:{COLOURS[LOOKS.get(self.state, self.state)]}">{self._mark()}&nbsp;{self.state}</b>'
        hint1, hint2, answer = self.parts()
        pre = f'<pre style="{BLOCK}">{escape(answer)}</pre>'
        inside = (f"<p>{inline(hint1)}</p>", f"<p>{inline(hint2)}</p>", pre)
        folded = "".join(
            f'<details style="margin:.2em 0"{" open" if n < self.show else ""}>'
            f'<summary style="cursor:pointer">{name}</summary>{inside[n]}</details>'
            for n, name in enumerate(FOLDED)
        )
        label = escape(f"Exercise {self.number}, {self.exercise.title}: {self.state}", quote=True)
        return (
            f'<section class="tex2jax_ignore mathjax_ignore" aria-label="{label}"><div>{badge} &nbsp;<b>{self.number}&nbsp; '
            f"{escape(self.exercise.title)}</b><br>{inline(self.evidence)}</div>{folded}</section>"
        )

    def record(self) -> dict[str, Any]:
        """See `homelab.record`; the runner's reports take no notice of it."""
        return {
            "kind": "exercise",
            "number": self.number,
            "title": self.exercise.title,
            "state": self.state,
            "evidence": self.evidence,
        }

    def _mark(self) -> str:
        return MARKS[LOOKS.get(self.state, self.state)]


def exercise(world: World, number: str, show: int = 0) -> Look:
    """How `world` stands with the exercise `number`, such as ``03.1``; the first `show` of `FOLDED` are open.

    That it is not done is no failure. At home, and while changes wait, it is not looked at.

    Raises:
        ParamsError: there is no such exercise.
        LabGone: the lab has ended, and what was done with it.
    """
    found = find(number)
    if not world.lab:
        return Look(number, found, "skip", FOR_THE_LAB, show)
    labsocket.request(world.lab["socket"], op="status")
    if world.pending.count:
        return Look(number, found, "skip", LATER, show)
    try:
        with world.guard.kept():
            seen = found.done(world)
    except HomelabError as error:
        seen = Answer(found.title, error.where or world.name, "fail", error.what)
    evidence = f"from {seen.vantage}: {seen.evidence}" if seen.vantage else seen.evidence
    return Look(number, found, DONE if seen.status == "ok" else NOT_YET, evidence, show)


def of(stage: str) -> tuple[Exercise, ...]:
    """The exercises of the stage ``NN_name``, from easy to hard."""
    found: tuple[Exercise, ...] = importlib.import_module(f"homelab.exercises.{stage[3:]}").EXERCISES
    return found


def find(number: str) -> Exercise:
    """The exercise `number`: the stage's number, a dot, and which of its exercises, from 1.

    Raises:
        ParamsError: there is none.
    """
    stage, _, which = number.partition(".")
    known = of(stages.find(stage))
    if not which.isdigit() or not 1 <= int(which) <= len(known):
        hint = f"this chapter has {stage}.1 to {stage}.{len(known)}"
        raise ParamsError([Problem(number, "is not an exercise", hint)])
    return known[int(which) - 1]


def every(*looks: Callable[[], Answer]) -> Answer:
    """One answer of several checks, asked one by one: the first that is not *ok*, or all that they saw."""
    seen: list[Answer] = []
    for look in looks:
        seen.append(look())
        if seen[-1].status != "ok":
            return seen[-1]
    evidence = "; ".join(dict.fromkeys(f"from {answer.vantage}: {answer.evidence}" for answer in seen))
    return Answer(seen[-1].name, "", "ok", evidence)
