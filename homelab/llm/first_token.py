"""Time to first token from several places, told apart: what the engine computes, and what the way there takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import Any

from homelab.llm.engine import Engine
from homelab.llm.measure import first_seed
from homelab.llm.result import Number, number
from homelab.record import table


@dataclass(frozen=True)
class FirstToken:
    """From one `place`: `wait` is the time to first token, `engine` what of it the engine computed,
    `way` the rest: network and both programs' own (all in s; `engine` and `way` None if it does not tell).
    `waits` are all of them, `engines` what the engine said of each.
    """

    place: str
    wait: Number
    engine: Number | None
    way: Number | None
    waits: tuple[float, ...] = ()
    engines: tuple[float, ...] = ()


@dataclass(frozen=True)
class FirstTokens:
    """The same question from every place, in turn, so that a change of the machine's mood meets all.

    `disturbed`: others computed meanwhile, and every number carries a ``~``.
    """

    prompt_tokens: int
    places: tuple[FirstToken, ...]
    disturbed: bool = False
    engine: str = ""

    def extra(self, place: str, than: str) -> float | None:
        """Seconds that the way from `place` takes more than that from `than`, by the medians."""
        ways = {p.place: p.way for p in self.places}
        far, near = ways[place], ways[than]
        return far.median - near.median if far and near else None

    def __str__(self) -> str:
        lines = [f"time to first token after {self.prompt_tokens} tokens of prompt (median, ms):"]
        for p in self.places:
            parts = f" = {self._ms(p.engine)} engine + {self._ms(p.way)} way" if p.engine and p.way else ""
            lines.append(f"from {p.place}: {self._ms(p.wait)}{parts}")
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """See `homelab.record`."""
        why = ["others computed meanwhile"] if self.disturbed else []
        return {
            "kind": "measurement",
            "what": "first token",
            "engine": self.engine,
            "prompt_tokens": self.prompt_tokens,
            "repetitions": [
                {"place": p.place, "seconds": wait, "engine_seconds": own, "disturbed": why}
                for p in self.places
                for wait, own in zip_longest(p.waits, p.engines)
            ],
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        head = ["from", "first token after (ms)", "of which the engine", "of which the way"]
        rows = [[escape(p.place), *map(self._ms, (p.wait, p.engine, p.way))] for p in self.places]
        return {"text/plain": str(self), "text/html": table(head, rows)}

    def _ms(self, seconds: Number | None) -> str:
        mark = "~" if self.disturbed else ""
        return f"{mark}{seconds.median * 1000:.1f}" if seconds else "–"


def first_tokens(engines: Mapping[str, Engine], prompt_tokens: int = 64, repetitions: int = 5) -> FirstTokens:
    """Ask through each of `engines` (the same server, by the place that asks) in turn; the first round is thrown away.

    Raises:
        EngineGone, NoAnswer: one of the places does not reach it.
    """
    waits: dict[str, list[float]] = {place: [] for place in engines}
    own: dict[str, list[float]] = {place: [] for place in engines}
    seed = first_seed()
    for round_ in range(repetitions + 1):
        for place, engine in engines.items():
            seed += 1
            got = engine.generate(prompt_tokens, 2, seed)
            if round_:
                waits[place].append(got.wait)
                own[place] += [got.engine_prompt] if got.engine_prompt is not None else []
    name = next(iter(engines.values())).describe().engine
    return FirstTokens(prompt_tokens, tuple(_of(p, waits[p], own[p]) for p in engines), engine=name)


def _of(place: str, waits: list[float], own: list[float]) -> FirstToken:
    wait = number(waits)
    assert wait, "there is at least one repetition"
    if len(own) < len(waits):
        return FirstToken(place, wait, None, None, tuple(waits), tuple(own))
    ways = [w - o for w, o in zip(waits, own, strict=True)]
    return FirstToken(place, wait, number(own), number(ways), tuple(waits), tuple(own))
