"""The method, on an engine that does what it is told: repetitions, disturbances, ends, and no silent number."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from homelab.errors import ParamsError
from homelab.llm import host_load, power
from homelab.llm.engine import Description, EngineGone, Generated
from homelab.llm.measure import THOROUGH, Wish, measure, sample_of
from homelab.llm.result import Case, Sample, worst

QUIET = host_load.Disturbance(1.0, 0.0, 0.1)


class Fake:
    """Prefill at 1000 tokens/s and decode at 100, by a clock of its own; `alter` spoils some answers."""

    name = "fake"

    def __init__(self, alter=None, threads: int = 2) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.loaded: list[tuple[int, int]] = []
        self.alter = alter or (lambda n, got: got)
        self.threads = threads
        self.used = 0.0

    def describe(self) -> Description:
        return Description("fake", model="m", threads=self.threads, trained_context=8192)

    def load(self, context: int, slots: int = 1) -> float:
        self.loaded.append((context, slots))
        return 0.5

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        self.asked.append((prompt_tokens, tokens, seed))
        first = 10 + prompt_tokens / 1000
        last = first + (tokens - 1) / 100
        got = Generated(prompt_tokens, tokens, 10.0, first, last, last, 0, 1, first - 10, last - first)
        return self.alter(len(self.asked) - 1, got)  # 0 is the warm-up

    def cpu(self) -> float:
        return self.used


SECONDS = itertools.count()


def steady(engine: float | None = None) -> host_load.Snapshot:
    """Every repetition takes a second, and the engine had all of its two processors."""
    at = float(next(SECONDS))
    return host_load.Snapshot(at, at, 2 * at, 0.0, 2 * at, 0.0)


def run(engine: Fake, wish: Wish = Wish(), **more):  # noqa: B008
    return measure(engine, wish, snapshot=more.pop("snapshot", steady), **more)


def test_prefill_and_decode_apart_without_the_warm_up() -> None:
    engine = Fake(alter=lambda n, got: replace(got, last=got.last + 50, end=got.end + 50) if n == 0 else got)
    report = run(engine)
    assert [(name, n.count, round(n.mean, 6)) for name, _, _, n in report.rows()] == [
        ("tg32", 3, 100.0),
        ("pp512", 3, 1000.0),
        ("tg32 @ d512", 3, 100.0),
    ]
    assert engine.loaded == [(512 + 32 + 32, 1)]
    assert report.notes() == []
    assert report.load_seconds == 0.5
    assert all(s.engine_decode == pytest.approx(s.decode) for c in report.cases for s in c.samples)


def test_no_prompt_comes_twice_so_that_no_cache_helps() -> None:
    engine = Fake()
    run(engine)
    run(engine)
    seeds = [seed for _, _, seed in engine.asked]
    assert len(set(seeds)) == len(seeds) == 2 * (1 + 6)


def test_a_prompt_that_came_from_a_cache_is_flagged_and_its_prefill_not_counted() -> None:
    report = run(
        Fake(alter=lambda n, got: replace(got, cached=500)), Wish(depths=(512,), repetitions=1, retries=0)
    )
    sample = report.cases[0].samples[0]
    assert sample.disturbed == ("500 tokens of the prompt came from a cache",)
    assert sample.prefill is None


def test_a_disturbed_repetition_is_flagged_and_repeated() -> None:
    times = itertools.count()

    def snapshot(engine: float | None = None) -> host_load.Snapshot:
        n = next(times)
        at = float(n)
        used = 2 * at - (1.0 if n >= 3 else 0.0)  # in the second repetition it had half of its processors
        return host_load.Snapshot(at, at, 2 * at, 0.0, used, 0.0)

    report = run(Fake(), Wish(depths=(0,)), snapshot=snapshot)
    case = report.cases[0]
    assert [bool(s.disturbed) for s in case.samples] == [False, True, False, False]
    assert case.samples[1].disturbed[0] == "the engine had 50% of its processors"
    number = case.number("decode", 3)
    assert number
    assert (number.count, number.disturbed) == (3, 0)
    assert "1 of 4 repetitions were disturbed" in report.notes()[0]
    assert "left out" in report.notes()[0]


def test_a_machine_that_stays_disturbed_gives_no_silent_number() -> None:
    times = itertools.count()

    def snapshot(engine: float | None = None) -> host_load.Snapshot:
        at = float(next(times))
        return host_load.Snapshot(at, at, 2 * at, 0.0, at / 2, 0.0)

    report = run(Fake(), Wish(depths=(0,), retries=2), snapshot=snapshot)
    assert len(report.cases[0].samples) == 5
    number = report.rows()[0][3]
    assert number.disturbed == 5
    assert str(number).startswith("~")
    assert "they count (~)" in report.notes()[0]
    assert "| ~100.00 ± 0.00 | ~100.00 |" in str(report)


def test_one_far_slower_than_the_others_was_disturbed_by_whomever() -> None:
    def alter(n: int, got: Generated) -> Generated:
        return replace(got, last=got.last + 1, end=got.end + 1) if n == 2 else got

    report = run(Fake(alter), Wish(depths=(0,)))
    assert [s.disturbed for s in report.cases[0].samples] == [(), ("far slower than the others",), (), ()]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"first": 9.0}, "the clock went backwards"),
        ({"last": 9.5, "end": 9.5}, "the clock went backwards"),
        ({"tokens": 0}, "no token came"),
        ({"tokens": 1}, "it ended after its first token"),
        ({"first": 10.5, "last": 10.5, "end": 10.5}, "all tokens came at once"),
    ],
)
def test_what_is_no_number_is_flagged(spoil: dict[str, float], why: str) -> None:
    got = Fake().generate(512, 32, 1)
    sample = sample_of([replace(got, **spoil)], QUIET)
    assert why in sample.disturbed
    if "tokens" in spoil:
        assert sample.decode is None
    report = run(Fake(lambda n, g: replace(g, **spoil)), Wish(depths=(0,), repetitions=1, retries=0))
    assert report.notes()
    assert all(n.disturbed for *_, n in report.rows())


def test_an_engine_that_dies_leaves_what_was_measured() -> None:
    def alter(n: int, got: Generated) -> Generated:
        if n == 4:
            raise EngineGone("the engine died", "here")
        return got

    report = run(Fake(alter))
    assert report.ended == "the engine died"
    assert report.failed
    assert [len(c.samples) for c in report.cases] == [3]
    assert report.notes()[0] == "Ended early: the engine died."


def test_an_engine_that_dies_in_the_warm_up_is_an_error() -> None:
    def alter(n: int, got: Generated) -> Generated:
        raise EngineGone("the engine died", "here")

    with pytest.raises(EngineGone):
        run(Fake(alter))


def test_interrupted_or_out_of_time_it_returns_what_it_has() -> None:
    def alter(n: int, got: Generated) -> Generated:
        if n == 3:
            raise KeyboardInterrupt
        return got

    assert [len(c.samples) for c in run(Fake(alter)).cases] == [2]
    clock = itertools.count(0, 4)
    late = run(Fake(), Wish(limit=10), now=lambda: float(next(clock)))
    assert (late.ended, late.failed) == ("10 s were over", False)
    assert [len(c.samples) for c in late.cases] == [2]


def test_streams_are_measured_together_and_said_apart() -> None:
    engine = Fake()
    lines: list[str] = []
    report = run(engine, Wish(depths=(0,), repetitions=1, streams=(1, 4)), say=lines.append)
    assert engine.loaded == [(16 + 32 + 32, 4)]
    assert [name for name, *_ in report.rows()] == ["tg32", "tg32 × 4 streams"]
    assert report.rows()[1][3].mean == pytest.approx(400)
    assert lines[0].startswith("fake: loaded in 0.5 s")
    assert len(lines) == 3
    spoiled = run(
        Fake(lambda n, g: replace(g, cached=9)), Wish(depths=(0,), repetitions=1, retries=0, streams=(1, 4))
    )
    assert [note.partition(",")[0] for note in spoiled.notes()] == ["At depth 0", "At depth 0 × 4 streams"]


def test_thorough_is_what_the_issue_asks_for() -> None:
    assert (THOROUGH.depths, THOROUGH.repetitions, THOROUGH.streams) == ((0, 512, 2048, 2500), 5, (1, 2, 4))
    assert [(c.depth, c.streams) for c in THOROUGH.cases()][-2:] == [(0, 2), (0, 4)]


def test_a_bad_wish_says_everything_at_once() -> None:
    with pytest.raises(ParamsError) as error:
        Wish(depths=(), repetitions=0, tokens=0, streams=(0,), retries=-1)
    assert [p.where for p in error.value.problems] == [
        "tokens",
        "repetitions",
        "depths",
        "streams",
        "retries",
    ]


def test_joules_come_from_watts_and_vanish_with_the_card() -> None:
    report = run(Fake(), Wish(depths=(0,), repetitions=1), watts=lambda: 50.0)
    assert report.cases[0].samples[0].joules == pytest.approx(0.5)

    def gone() -> float:
        raise RuntimeError("GPU is lost")

    assert run(Fake(), Wish(depths=(0,), repetitions=1), watts=gone).cases[0].samples[0].joules is None


def test_without_nvml_there_are_no_watts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    assert power.board() is None


def test_a_number_of_nothing_is_none() -> None:
    assert Case(0).number("decode") is None
    none = Case(0, 1, [Sample(1, 0, 0, None, None, 0.0, disturbed=("no token came",))])
    assert none.number("decode") is None


@pytest.mark.parametrize(
    ("build", "disturbed"), [("CPU : x waiting passive", False), ("CPU : x waiting active", True)]
)
def test_an_engine_whose_threads_sleep_is_not_called_disturbed(build: str, disturbed: bool) -> None:
    class Sleeps(Fake):
        def describe(self) -> Description:
            return replace(super().describe(), build=build)

    def some(engine: float | None = None) -> host_load.Snapshot:
        at = float(next(SECONDS))
        return host_load.Snapshot(at, at, 1.6 * at, 0.0, 1.6 * at, 0.0)  # 80 % of two processors

    found = run(Sleeps(), Wish(depths=(0,), repetitions=1, retries=0), snapshot=some)
    assert bool(found.cases[0].samples[0].disturbed) == disturbed


def test_a_stream_cut_short_leaves_what_was_measured_and_says_so() -> None:
    def alter(n: int, got: Generated) -> Generated:
        if n == 2:
            raise EngineGone("cut short after 5 of 32 tokens", "here")
        return got

    report = run(Fake(alter))
    assert [len(c.samples) for c in report.cases] == [1]
    assert "cut short after 5 of 32 tokens" in str(report)


@pytest.mark.parametrize(
    ("told", "note"),
    [
        (0, "did not tell how long the prompt was; 512 tokens"),
        (900, "counted 900 tokens of prompt, where 512"),
        (520, ""),
    ],
)
def test_a_prompt_of_another_length_than_asked_for_is_said(told: int, note: str) -> None:
    wish = Wish(depths=(512,), repetitions=2)
    report = run(Fake(lambda n, got: replace(got, prompt_tokens=told if n == 2 else 512)), wish)
    assert (note in " ".join(report.notes())) if note else (report.notes() == [])


def test_a_note_has_the_worst_of_each_reason() -> None:
    said = [
        ("the engine had 47% of its processors", "others kept 1.0 of 2 processors busy"),
        ("the engine had 34% of its processors", "others kept 10.5 of 2 processors busy", "a clock was set"),
        ("the engine had 66% of its processors", "others kept 0.6 of 2 processors busy"),
    ]
    assert worst([reason for reasons in said for reason in reasons]) == [
        "the engine had 34% of its processors",
        "others kept 10.5 of 2 processors busy",
        "a clock was set",
    ]
