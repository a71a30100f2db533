"""How long a measurement will take, by one that was made: the wait grows with the prompt, a token's time with the depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from homelab.llm.measure import WARM_UP
from homelab.llm.result import SHORT, Case

if TYPE_CHECKING:
    from homelab.llm.measure import Wish
    from homelab.llm.result import Report

Points = Sequence[tuple[float, float]]
WARM_TOKENS = 4  # that the warm-up decodes


def seconds(report: Report, wish: Wish) -> tuple[float, float] | None:
    """What `wish` takes, by what `report` has measured: undisturbed, and with every retry used up; None: nothing is known.

    Streams are taken one after the other, which is the most that they can take.
    """
    if one(report, 0, wish.tokens) is None:
        return None
    each = [(one(report, c.depth, wish.tokens) or 0.0) * c.streams for c in wish.cases()]
    before = report.load_seconds + (one(report, min(WARM_UP, max(SHORT, *wish.depths)), WARM_TOKENS) or 0.0)
    least = before + wish.repetitions * sum(each)
    most = before + (wish.repetitions + wish.retries) * sum(each)
    if wish.limit:  # the repetition that is under way then goes on to its end
        least, most = (min(s, wish.limit + max(each)) for s in (least, most))
    return least, most


def one(report: Report, depth: int, tokens: int) -> float | None:
    """Seconds of one repetition: the prompt of `depth` tokens, and `tokens` after it; None: nothing is known.

    Where one prompt was measured only, another one's wait is taken to be as its length.
    """
    waits: dict[float, list[float]] = {}  # depths 0 and 16 ask for the same shortest prompt
    paces: dict[float, list[float]] = {}
    for case in report.cases:
        wait, decode = case.number("wait", report.wanted), case.number("decode", report.wanted)
        if case.streams == 1 and wait and decode:
            waits.setdefault(float(case.asked), []).append(wait.median)
            paces.setdefault(float(case.depth), []).append(1 / decode.median)
    if not waits:
        return None
    if len(waits) == 1:
        waits[0.0] = [0.0]
    wait_for = _at(_points(waits), float(Case(depth).asked))
    return wait_for + (tokens - 1) * _at(_points(paces), float(depth))


def _points(found: Mapping[float, Sequence[float]]) -> Points:
    """One for each x: two would have no line between them."""
    return sorted((x, fmean(ys)) for x, ys in found.items())


def _at(points: Points, x: float) -> float:
    """On the lines through `points`; beyond the last by its line, but never less than the last itself."""
    if len(points) == 1:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1 or (x1, y1) == points[-1]:
            y = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
            return max(y, y1) if x > x1 else max(y, min(y0, y1))
    return points[-1][1]
