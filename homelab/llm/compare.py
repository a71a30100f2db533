"""Two runs beside each other, with a verdict that respects the spread.

Welch's t-test: https://www.itl.nist.gov/div898/handbook/eda/section3/eda353.htm, and for the degrees of
freedom its equation for unequal variances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Any

from homelab.llm.result import Number, Report
from homelab.record import table

# Two-sided 95 % points of Student's t by degrees of freedom, from the same handbook's table (eda3672).
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
T_MANY = 1.96
FEW = 2  # repetitions below which there is no spread to respect


@dataclass(frozen=True)
class Verdict:
    """One test in both runs: `change` of the mean (0.1: a tenth more) with its 95 % `margin`, and what it means."""

    test: str
    before: Number | None
    after: Number | None
    change: float | None
    margin: float | None
    said: str


@dataclass(frozen=True)
class Comparison:
    """All verdicts, and how the two runs differ apart from their speed (`differences`)."""

    verdicts: tuple[Verdict, ...]
    differences: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{v.test}: {v.before or '–'} → {v.after or '–'} tokens/s: {v.said}" for v in self.verdicts]
        return "\n".join([*lines, *self.differences])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        rows = [
            [escape(v.test), escape(str(v.before or "–")), escape(str(v.after or "–")), escape(v.said)]
            for v in self.verdicts
        ]
        notes = "".join(f"<br><i>{escape(d)}</i>" for d in self.differences)
        head = ["test", "before (tokens/s)", "after (tokens/s)", "verdict"]
        return {"text/plain": str(self), "text/html": f"<div>{table(head, rows)}{notes}</div>"}


def compare(before: Report, after: Report) -> Comparison:
    """Compare every test of the two runs; more tokens per second are better."""
    first = {name: n for name, _, _, n in before.rows()}
    second = {name: n for name, _, _, n in after.rows()}
    verdicts = [verdict(name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])]
    return Comparison(tuple(verdicts), tuple(_differences(before, after)))


def verdict(test: str, before: Number | None, after: Number | None) -> Verdict:
    """What can be said of one test."""
    if before is None or after is None:
        return Verdict(test, before, after, None, None, "measured in one of the runs only")
    if before.mean <= 0:
        return Verdict(test, before, after, None, None, "there is nothing to compare with")
    change = after.mean / before.mean - 1
    if before.disturbed or after.disturbed:
        said = "a run was disturbed: no verdict, measure again on a quiet machine"
        return Verdict(test, before, after, change, None, said)
    if min(before.count, after.count) < FEW:
        return Verdict(test, before, after, change, None, "one repetition has no spread: no verdict")
    margin = _margin(before, after) / before.mean
    if abs(change) <= margin:
        said = f"no difference that the spread lets one see ({change:+.1%} ± {margin:.1%})"
    else:
        said = f"{'faster' if change > 0 else 'slower'}: {change:+.1%} ± {margin:.1%}"
    return Verdict(test, before, after, change, margin, said)


def _margin(a: Number, b: Number) -> float:
    """Half of the 95 % confidence interval of the difference of the means."""
    va, vb = a.sd**2 / a.count, b.sd**2 / b.count
    if va + vb == 0:
        return 0.0
    freedom = (va + vb) ** 2 / (va**2 / (a.count - 1) + vb**2 / (b.count - 1))
    row = math.floor(freedom)
    return (T[row - 1] if row <= len(T) else T_MANY) * math.sqrt(va + vb)


def _differences(before: Report, after: Report) -> list[str]:
    found = []
    for name in (
        "engine",
        "version",
        "build",
        "model",
        "sha256",
        "context",
        "slots",
        "threads",
        "device",
        "host",
    ):
        a, b = getattr(before.engine, name), getattr(after.engine, name)
        if a != b:
            found.append(f"The runs differ in {name}: {_short(a)} and {_short(b)}.")
    if before.host != after.host:
        found.append("They ran on different machines or systems.")
    return found


def _short(value: object) -> str:
    text = str(value) or "(not told)"
    return text if len(text) <= 80 else f"{text[:77]}..."
