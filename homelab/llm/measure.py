"""The method, by llama-bench's conventions: a warm-up that is thrown away, repetitions, prefill and decode apart.

Every prompt is new from its first token on, so that no cache answers for the engine. A repetition that
something disturbed is flagged and repeated; where it stays so, the number says it. Source of the
conventions: https://github.com/ggml-org/llama.cpp/blob/master/tools/llama-bench/README.md
"""

from __future__ import annotations

import datetime
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from homelab.errors import HomelabError, ParamsError, Problem
from homelab.llm import host_load, power
from homelab.llm.engine import Description, Engine, Generated
from homelab.llm.result import PREFILL, SHORT, Case, Report, Sample

WARM_UP = 512  # tokens of prompt at most: longer ones warm nothing more
MARGIN = 32  # tokens of context beside prompt and answer, for an engine's own
PASSIVE = "waiting passive"  # in an engine's build, where its threads sleep while they wait
STOPPED = "it was stopped"
FAR = 0.8  # of the median of its case: what is slower was disturbed, by whatever

Snapshot = Callable[[float | None], host_load.Snapshot]


@dataclass(frozen=True)
class Wish:
    """What to measure: decode of `tokens` after each of `depths`, `repetitions` times; then at the first depth
    with each of `streams` requests at once. At most `retries` disturbed repetitions of a case are repeated.
    After `limit` seconds no repetition is begun (0: no limit).
    """

    depths: tuple[int, ...] = (0, 512)
    repetitions: int = 3
    tokens: int = 32
    streams: tuple[int, ...] = (1,)
    retries: int = 2
    limit: float = 0.0

    def __post_init__(self) -> None:
        problems = [
            Problem(name, what, hint)
            for name, bad, what, hint in (
                ("tokens", self.tokens < 2, f"{self.tokens}: there is no pace of fewer than two tokens", "32 are usual"),
                ("repetitions", self.repetitions < 1, f"{self.repetitions}: at least one is needed", "3 are usual"),
                ("depths", not self.depths or min(self.depths) < 0, f"{self.depths}: tokens, 0 or more", "such as 0, 512"),
                ("streams", not self.streams or min(self.streams) < 1, f"{self.streams}: 1 or more", "such as 1, 2, 4"),
                ("retries", self.retries < 0, f"{self.retries}: 0 or more", ""),
            )
            if bad
        ]  # fmt: skip
        if problems:
            raise ParamsError(problems)

    @property
    def context(self) -> int:
        """Tokens of context that one request takes at most."""
        return max(*self.depths, SHORT) + self.tokens + MARGIN

    def cases(self) -> list[Case]:
        """What is measured, in order."""
        one = [Case(depth) for depth in dict.fromkeys(self.depths)]
        return one + [Case(self.depths[0], n) for n in dict.fromkeys(self.streams) if n > 1]


THOROUGH = Wish(depths=(0, 512, 2048, 2500), repetitions=5, streams=(1, 2, 4))


def measure(
    engine: Engine,
    wish: Wish = Wish(),  # frozen
    *,
    say: Callable[[str], None] | None = None,
    keep: Callable[[Report], None] | None = None,
    snapshot: Snapshot = host_load.snapshot,
    watts: power.Watts | None = None,
    now: Callable[[], float] = time.monotonic,
    machine: Mapping[str, Any] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Report:
    """Measure `engine`; `say` gets a line for every repetition, and what is known of the `machine` (its CPU, its
    GPUs with their driver) goes into the record. Interrupted, or with a dead engine, it returns what it has;
    `keep` gets it after every repetition, for it may be killed. Once `stop` says so, no repetition is begun.

    Raises:
        HomelabError: the engine cannot be loaded, or did not survive the warm-up.
    """
    say = say or _silent
    started = now()
    took = engine.load(wish.context, max(wish.streams))
    report = Report(
        engine.describe(), {**host(), **(machine or {})}, wish.repetitions, wish.tokens,
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), load_seconds=took,
    )  # fmt: skip
    seeds = itertools.count(first_seed())
    engine.generate(min(WARM_UP, max(SHORT, *wish.depths)), 4, next(seeds))
    say(f"{engine.name}: loaded in {took:.1f} s, warmed up")
    try:
        for case in wish.cases():
            report.cases.append(case)
            for _ in _until_quiet(case, wish):
                if stop and stop():
                    report.ended = STOPPED
                    return _finished(report)
                if wish.limit and now() - started > wish.limit:
                    report.ended = f"{wish.limit:g} s were over"
                    return _finished(report)
                sample = _repetition(engine, case, wish, seeds, snapshot, report.engine, watts)
                case.samples.append(sample)
                if keep:
                    keep(report)
                say(_line(case, sample))
    except KeyboardInterrupt:
        report.ended = "it was interrupted"
    except HomelabError as error:
        report.ended, report.failed = error.what, True
    return _finished(report)


def _finished(report: Report) -> Report:
    report.cases = [c for c in report.cases if c.samples]
    return report


def _until_quiet(case: Case, wish: Wish) -> Iterator[int]:
    """Once for each repetition that is due: as many quiet ones as wanted, or until the retries are used up."""
    for n in range(wish.repetitions + wish.retries):
        _flag_far(case)
        if len(case.quiet) >= wish.repetitions:
            return
        yield n
    _flag_far(case)


def _flag_far(case: Case) -> None:
    """A repetition far below the others was disturbed, even if nobody saw by whom."""
    rates = [s.decode for s in case.quiet if s.decode]
    if len(rates) < 3:
        return
    floor = FAR * statistics.median(rates)
    for n, s in enumerate(case.samples):
        if not s.disturbed and s.decode and s.decode < floor:
            case.samples[n] = _flagged(s, "far slower than the others")


def _flagged(sample: Sample, *reasons: str) -> Sample:
    return Sample(**{**vars(sample), "disturbed": (*sample.disturbed, *reasons)})


def _repetition(
    engine: Engine,
    case: Case,
    wish: Wish,
    seeds: Iterator[int],
    snapshot: Snapshot,
    about: Description,
    watts: power.Watts | None,
) -> Sample:
    prompt = case.asked
    before = snapshot(engine.cpu())
    with power.metered(watts) as drawn:
        if case.streams == 1:
            got = [engine.generate(prompt, wish.tokens, next(seeds))]
        else:
            with ThreadPoolExecutor(case.streams) as pool:
                asked = [
                    pool.submit(engine.generate, prompt, wish.tokens, next(seeds))
                    for _ in range(case.streams)
                ]
                got = [a.result() for a in asked]
    there = host_load.between(before, snapshot(engine.cpu()), about.threads, passive=PASSIVE in about.build)
    return sample_of(got, there, power.mean(drawn))


def sample_of(got: list[Generated], there: host_load.Disturbance, watts: float | None = None) -> Sample:
    """One repetition's numbers from its answers; what cannot be a number is flagged, never left silent."""
    reasons = list(there.reasons)
    backwards = any(not g.start <= g.first <= g.last <= g.end for g in got)
    if backwards:
        reasons.append("the clock went backwards")
    if any(g.tokens < 1 for g in got):
        reasons.append("no token came")
    if cached := max(g.cached for g in got):
        reasons.append(f"{cached} tokens of the prompt came from a cache")
    steps = sum(g.steps for g in got)
    seconds = max(g.last for g in got) - min(g.first for g in got)
    wait = statistics.fmean(g.wait for g in got)
    decode = steps / seconds if steps > 0 and seconds > 0 and not backwards else None
    if decode is None and not backwards and "no token came" not in reasons:
        reasons.append("it ended after its first token" if steps <= 0 else "all tokens came at once")
    alone = got[0] if len(got) == 1 else None
    computed = alone.prompt_tokens - alone.cached if alone and not backwards else 0
    return Sample(
        prompt_tokens=got[0].prompt_tokens,
        tokens=sum(g.tokens for g in got),
        cached=cached,
        prefill=computed / wait if computed >= PREFILL and wait > 0 else None,
        decode=decode,
        wait=wait,
        engine_prefill=_rate(computed if computed >= PREFILL else 0, alone.engine_prompt if alone else None),
        engine_decode=_rate(alone.tokens - 1 if alone else 0, alone.engine_decode if alone else None),
        share=there.share,
        load=there.load,
        joules=watts / decode if watts and decode else None,
        asking=sum(g.asking for g in got) / seconds if decode else None,
        disturbed=tuple(dict.fromkeys(reasons)),
    )


def _rate(tokens: int, seconds: float | None) -> float | None:
    return tokens / seconds if tokens > 0 and seconds else None


def host() -> dict[str, Any]:
    """The machine that measures, as the record keeps it; what its GPU is, `homelab.gpu` knows better."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "processors": os.cpu_count() or 0,
    }


def first_seed() -> int:
    """A number that another run does not begin with: a server may remember its prompts."""
    return time.time_ns() % 1_000_000_007


def _line(case: Case, s: Sample) -> str:
    streams = f" × {case.streams}" if case.streams > 1 else ""
    pace = f"{s.decode:.1f} tokens/s" if s.decode else "no pace"
    why = f"  disturbed: {'; '.join(s.disturbed)}" if s.disturbed else ""
    return f"depth {case.depth}{streams}: first token after {s.wait:.2f} s, {pace}{why}"


def _silent(line: str) -> None:
    """Nobody watches."""
