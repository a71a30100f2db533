"""What a measurement will take, and the controls that run it: on an engine that does what it is told."""

from __future__ import annotations

import contextlib
import json
import threading

import pytest

from homelab.errors import HomelabError
from homelab.llm import estimate
from homelab.llm.engine import Description, Generated
from homelab.llm.measure import Wish
from homelab.llm.result import Case, Report, Sample
from homelab.panels import benchmark
from homelab.stages.gpu_benchmarks_choice import Choice
from homelab.stages.gpu_benchmarks_record import Kept
from homelab.wait import until


def sample(depth: int) -> Sample:
    """Prefill at 1000 tokens/s; a token takes 10 ms, and 10 µs for each token before it."""
    asked = max(depth, 16)
    return Sample(asked, 32, 0, 1000.0, 1 / (0.01 + depth / 100_000), asked / 1000)


def measured(*depths: int) -> Report:
    cases = [Case(d, 1, [sample(d)] * 3) for d in depths]
    return Report(Description("fake", model="m"), {}, 3, 32, cases, load_seconds=2.0)


class Gate:
    """An engine whose every answer waits until it is let through."""

    name = "gate"

    def __init__(self) -> None:
        self.gate, self.asked, self.closed = threading.Semaphore(0), 0, False
        self.broken = ""

    def describe(self) -> Description:
        return Description("fake", model="m", trained_context=8192)

    def load(self, context: int, slots: int = 1) -> float:
        if self.broken:
            raise HomelabError(self.broken)
        return 0.0

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        self.asked += 1
        assert self.gate.acquire(timeout=10)
        return Generated(prompt_tokens, tokens, 10.0, 11.0, 12.0, 12.0)

    def cpu(self) -> float | None:
        return None

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


@pytest.fixture
def bench(monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "_at_work", [])
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path))
    engine, told, kept = Gate(), [], Kept()
    choices = [
        Choice("there", "m", 600, lambda: contextlib.nullcontext(engine)),
        Choice("beside this notebook", "m", 8192, lambda: engine),
        Choice("beside this notebook", "other", 8192, lambda: engine),
    ]
    made = benchmark.Bench(choices, measured(0, 512), Wish(depths=(0, 512)), kept, told.append)
    yield made, engine, told, kept
    for _ in range(99):
        engine.gate.release()
    assert not benchmark._at_work or benchmark._at_work[0].wait(10)


def test_an_estimate_is_exact_where_an_engine_is() -> None:
    report = measured(0, 512, 2048)
    for depth in (0, 512, 1024, 2048, 4096):
        want = max(depth, 16) / 1000 + 31 * (0.01 + depth / 100_000)
        assert estimate.one(report, depth, 32) == pytest.approx(want)
    least, most = estimate.seconds(report, Wish(depths=(0, 512), repetitions=3))
    each = 0.016 + 0.31 + 0.512 + 31 * 0.01512
    warm = 2 + 0.512 + 3 * 0.01512
    assert (least, most) == pytest.approx((warm + 3 * each, warm + 5 * each))
    assert estimate.seconds(report, Wish(depths=(0, 512), limit=1.0))[1] == pytest.approx(
        1 + 0.512 + 31 * 0.01512
    )


def test_an_estimate_of_little_or_of_nothing() -> None:
    assert estimate.seconds(measured(), Wish()) is None
    assert estimate.one(measured(512), 4096, 32) == pytest.approx(4.096 + 31 * 0.01512)
    faster = measured(0, 512)  # noise: the deeper one came out quicker; nothing gets negative by it
    faster.cases[1].samples = [Sample(512, 32, 0, None, 300.0, 0.01)] * 3
    assert estimate.one(faster, 7168, 32) >= 31 / 300


def test_what_is_picked_is_weighed(bench) -> None:
    made, *_ = bench
    assert made.depths.value == (0, 512)
    assert [d for _, d in made.depths.options] == [0, 128, 512], (
        "more does not fit into what it was started with"
    )
    assert "about 6 s, and at most 9 s" in made.note.value
    made.depths.value = (0,)
    assert "about 3 s" in made.note.value
    made.engine.value = "beside this notebook"
    assert made.depths.options[-1] == ("7,168 tokens", 7168)
    made.model.value = "other"
    assert "nobody knows how long" in made.note.value
    made.depths.value = ()
    assert made.start.disabled
    assert "Pick one depth" in made.note.value


def test_it_runs_with_its_progress_and_stops_with_what_there_is(bench, tmp_path) -> None:
    made, engine, told, kept = bench
    made.engine.value = "beside this notebook"
    made.depths.value, made.repetitions.value = (0, 512), 2
    made.start.click()
    assert str(told[-1]) == "m beside this notebook is loaded and warmed up …"
    assert (made.start.disabled, made.stop.disabled, made.depths.disabled) == (True, False, True)
    threads = threading.active_count()  # other tests may have left some
    made.start.click()
    assert threading.active_count() <= threads, "a second click does nothing"
    engine.gate.release(2)  # the warm-up, and one repetition
    until(lambda: made.progress.value, lambda n: n == 1, "one repetition to be counted")
    assert made.progress.max == 4
    until(lambda: kept.chosen and kept.chosen.ended, lambda e: e == "it was not finished", "it to be kept")
    until(lambda: made.note.value, lambda words: "depth 0: first token after 1.00 s" in words, "its line")

    again = benchmark.Bench(made._choices, measured(), Wish(), kept, told.append)  # the cell is run once more
    assert again.start.disabled
    again.stop.click()
    assert again.stop.disabled
    assert "stops after the repetition" in again.note.value
    engine.gate.release()
    until(lambda: again.running, lambda busy: not busy, "it to stop")
    assert benchmark._at_work[0].wait(10)
    assert engine.closed
    assert engine.asked == 3
    assert (kept.chosen.ended, len(kept.chosen.cases[0].samples)) == ("it was stopped", 2)
    assert told[-1] is kept.chosen
    assert not [t for t in told if "not finished" in str(t)], (
        "who watches is not told that it was not finished"
    )
    made.repetitions.value = 3
    assert "about 6 s" in made.note.value, "by the report that knows the deeper one"
    assert (again.start.disabled, again.stop.disabled) == (False, True)
    there = json.loads((tmp_path / "benchmarks" / "chosen.json").read_text())
    assert there["ended"] == "it was stopped"


def test_it_runs_to_its_end(bench) -> None:
    made, engine, _, kept = bench
    made.depths.value, made.repetitions.value = (0,), 1
    engine.gate.release(2)
    made.start.click()
    until(lambda: made.running, lambda busy: not busy, "its end")
    assert benchmark._at_work[0].wait(10)
    assert (kept.chosen.ended, made.progress.value, made.progress.max) == ("", 1, 1)
    assert not engine.closed, "a server goes on"


def test_an_engine_that_cannot_be_loaded_is_one_sentence(bench) -> None:
    made, engine, told, _ = bench
    engine.broken = "the model does not fit"
    made.start.click()
    until(lambda: made.running, lambda busy: not busy, "its end")
    assert benchmark._at_work[0].wait(10)
    assert str(told[-1]) == "It came to nothing: the model does not fit."
    assert not made.start.disabled


def test_where_nobody_can_press_there_is_a_table(monkeypatch) -> None:
    monkeypatch.setenv("HOMELAB_HEADLESS", "1")
    table = benchmark.panel([], measured(0, 512), Wish(), Kept())
    assert [row[0] for row in table.rows] == ["0", "128", "512", "1,024", "2,048", "2,500", "4,096"]
    assert table.rows[0][1:] == ("about 0.3 s", "100.00 ± 0.00")
    assert table.rows[1][2] == "not measured"
    nothing = Report(Description("none"), {}, 3, 32, ended="nothing is measured meanwhile")
    monkeypatch.delenv("HOMELAB_HEADLESS")
    assert str(benchmark.panel([], nothing, Wish(), Kept())).endswith("here: nothing is measured meanwhile.")


def test_what_nobody_foresaw_is_said_as_our_mistake(bench) -> None:
    made, engine, told, _ = bench
    engine.describe = lambda: 1 / 0
    made.start.click()
    until(lambda: made.running, lambda busy: not busy, "its end")
    assert benchmark._at_work[0].wait(10)
    assert str(told[-1]) == (
        "It came to nothing: ZeroDivisionError('division by zero'). This is a mistake of the runbook: please report it."
    )
    assert not made.start.disabled


def test_depths_that_ask_for_the_same_prompt_are_one_point() -> None:
    report = measured(0, 16)
    assert report.cases[0].asked == report.cases[1].asked
    assert estimate.one(report, 0, 32) == pytest.approx(0.016 + 31 * 0.01)
    assert estimate.one(measured(0, 16, 512), 512, 32) == pytest.approx(0.512 + 31 * 0.01512)
