"""What a measurement found: samples of repetitions, cases of samples, and the report of them all."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from homelab.llm.engine import Description
from homelab.record import table

DIGITS = re.compile(r"[\d.]+")
SHARE = "the engine had"  # begins the one reason whose number is worse the lower it is
PREFILL = 128  # a shorter prompt tells nothing about prefill
SHORT = 16  # tokens of prompt at depth 0: an engine must be asked something
ABOUT = 0.2  # of the prompt that was asked for: words are not tokens
BESIDE = 8  # tokens that an engine puts around a prompt of its own accord


@dataclass(frozen=True)
class Number:
    """A mean with its spread: standard deviation, median, how many values, and how many of them are disturbed."""

    mean: float
    sd: float
    median: float
    count: int
    disturbed: int = 0

    def __str__(self) -> str:
        mark = "~" if self.disturbed else ""
        return f"{mark}{self.mean:.2f} ± {self.sd:.2f}" if self.count > 1 else f"{mark}{self.mean:.2f}"


def number(values: Sequence[float], disturbed: int = 0) -> Number | None:
    """The mean and spread of `values`; None of none."""
    if not values:
        return None
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return Number(statistics.fmean(values), sd, statistics.median(values), len(values), disturbed)


def worst(reasons: Sequence[str]) -> list[str]:
    """Of reasons that differ in their number only, the one with the worst."""
    found: dict[str, str] = {}
    for reason in reasons:
        kind = DIGITS.sub("", reason)
        found[kind] = max(found.get(kind, reason), reason, key=_badness)
    return list(found.values())


def _badness(reason: str) -> float:
    first = re.search(r"\d+(\.\d+)?", reason)
    return float(first.group()) * (-1 if reason.startswith(SHARE) else 1) if first else 0.0


@dataclass(frozen=True)
class Sample:
    """One repetition. `prefill` and `decode` in tokens/s and `wait` (time to first token) in s, by our clock;
    `engine_` ones by the engine's. With several streams `decode` is that of all together, `wait` their mean.
    `share` is the engine's of its threads' time; `joules` per decoded token, of the GPU's board; `asking` is the
    share of the decode time in which our own side of it computed.
    """

    prompt_tokens: int
    tokens: int
    cached: int
    prefill: float | None
    decode: float | None
    wait: float
    engine_prefill: float | None = None
    engine_decode: float | None = None
    share: float | None = None
    load: float = 0.0
    joules: float | None = None
    asking: float | None = None
    disturbed: tuple[str, ...] = ()


@dataclass
class Case:
    """Repetitions of one question: decode after `depth` tokens, `streams` requests at once."""

    depth: int
    streams: int = 1
    samples: list[Sample] = field(default_factory=list)

    @property
    def quiet(self) -> list[Sample]:
        """The repetitions that nothing disturbed."""
        return [s for s in self.samples if not s.disturbed]

    @property
    def asked(self) -> int:
        """The tokens of prompt that were asked for."""
        return max(self.depth, SHORT)

    def prompt_note(self) -> str:
        """What to know of the prompt's length, by the engine's count that is farthest off; empty where it is as asked."""
        told = max(
            (s.prompt_tokens for s in self.samples), key=lambda n: abs(n - self.asked), default=self.asked
        )
        if told <= 0:
            return f"At depth {self.depth}, the engine did not tell how long the prompt was; {self.asked} tokens were asked for."
        if abs(told - self.asked) > max(BESIDE, ABOUT * self.asked):
            return f"At depth {self.depth}, the engine counted {told} tokens of prompt, where {self.asked} were asked for."
        return ""

    def number(self, what: str, wanted: int = 0) -> Number | None:
        """`what` (``decode``, ``prefill``, ``wait``, ``joules``, ``engine_decode``, …) over the quiet repetitions.

        Where fewer than `wanted` (all samples by default: as many as asked for) were quiet, the disturbed
        ones count too, and the number says so.
        """
        quiet, taken = self.quiet, self.samples
        if len(quiet) >= (wanted or len(self.samples)):
            taken = quiet
        values = [(getattr(s, what), s) for s in taken]
        good = [(v, s) for v, s in values if v is not None and math.isfinite(v)]
        return number([v for v, _ in good], sum(bool(s.disturbed) for _, s in good))


@dataclass
class Report:
    """A run: what was asked of which engine on which machine, and what was found. `ended` says why it ended early,
    `failed` whether the engine is to blame.
    """

    engine: Description
    host: dict[str, Any]
    wanted: int
    tokens: int
    cases: list[Case] = field(default_factory=list)
    date: str = ""
    load_seconds: float = 0.0
    ended: str = ""
    failed: bool = False

    def case(self, depth: int, streams: int = 1) -> Case | None:
        """The case of this depth and these streams."""
        return next((c for c in self.cases if (c.depth, c.streams) == (depth, streams)), None)

    def rows(self) -> list[tuple[str, Case, str, Number]]:
        """Name of the test as llama-bench gives it, its case, what of it, and the number (tokens/s)."""
        found = []
        for case in self.cases:
            prefill, decode = case.number("prefill", self.wanted), case.number("decode", self.wanted)
            if prefill and case.streams == 1:
                found.append((f"pp{case.depth}", case, "prefill", prefill))
            if decode:
                depth = f" @ d{case.depth}" if case.depth else ""
                streams = f" × {case.streams} streams" if case.streams > 1 else ""
                found.append((f"tg{self.tokens}{depth}{streams}", case, "decode", decode))
        return found

    def few(self, n: Number) -> str:
        """How many repetitions `n` stands on, as ``1 of 3``; empty where they are as many as were asked for."""
        return f"{n.count} of {self.wanted}" if n.count < self.wanted else ""

    def notes(self) -> list[str]:
        """What a reader must know before the numbers: what was disturbed, and why it ended early."""
        said = [f"Ended early: {self.ended}."] if self.ended else []
        said += [note for case in self.cases if (note := case.prompt_note())]
        return said + self.disturbances()

    def disturbances(self) -> list[str]:
        """What was disturbed, by what, and whether it counts: a line for each case."""
        said = []
        for case in self.cases:
            bad = [s for s in case.samples if s.disturbed]
            if bad:
                streams = f" × {case.streams} streams" if case.streams > 1 else ""
                why = "; ".join(worst([r for s in bad for r in s.disturbed]))
                kept = "too few quiet ones, so they count (~)"
                if len(case.quiet) >= self.wanted:
                    kept = "they are left out"
                elif not case.number("decode", self.wanted):
                    kept = "no number comes out of them"
                said.append(
                    f"At depth {case.depth}{streams}, {len(bad)} of {len(case.samples)} repetitions were disturbed ({why}): {kept}."
                )
        return said

    def __str__(self) -> str:
        from homelab.llm.record import markdown

        return markdown(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        head = ["test", "tokens/s", "median", "repetitions", "time to first token (s)"]
        rows = [
            [
                escape(name), f"<b>{escape(str(n))}</b>", f"{'~' if n.disturbed else ''}{n.median:.2f}", self.few(n) or str(n.count),
                escape(str(case.number("wait", self.wanted) or "")),
            ]
            for name, case, _, n in self.rows()
        ]  # fmt: skip
        e = self.engine
        about = ", ".join(
            w for w in (e.model, e.engine, e.device, f"{e.threads} threads" if e.threads else "") if w
        )
        notes = "".join(f"<br><i>{escape(n)}</i>" for n in self.notes())
        return {
            "text/plain": str(self),
            "text/html": f"<div><b>{escape(about)}</b>{table(head, rows) if rows else ''}{notes}</div>",
        }
