"""Repetitions: a warm-up that does not count, disturbed ones flagged and repeated, numbers with their spread."""

from __future__ import annotations

import itertools
import math
import os

import pytest

from homelab.imaging.timed import Repetition, Times, repeated
from homelab.llm.host_load import Snapshot

PROCESSORS = os.cpu_count() or 1


class Bench:
    """A clock and counters that go on by what a repetition is said to take; `others` are processors kept busy."""

    def __init__(self, *seconds: float, others: tuple[float, ...] = (), stolen: float = 0.0) -> None:
        self.seconds = iter(seconds)
        self.others = itertools.chain(others, itertools.repeat(0.0))
        self.share_stolen = stolen
        self.time, self.busy, self.stolen, self.calls = 100.0, 50.0, 0.0, 0

    def work(self) -> int:
        took = next(self.seconds)
        self.time += took
        self.busy += took * next(self.others)
        self.stolen += took * self.share_stolen * PROCESSORS
        self.calls += 1
        return self.calls

    def snapshot(self, engine: float | None = None) -> Snapshot:
        return Snapshot(
            self.time, self.time, self.busy, self.stolen, 0.0 if engine is not None else None, 0.0
        )

    def run(self, repetitions: int, **more):
        return repeated(self.work, repetitions, snapshot=self.snapshot, clock=lambda: self.time, **more)


def test_the_warm_up_does_not_count() -> None:
    bench = Bench(60, 1, 2, 3)
    times, made = bench.run(3)
    assert [round(r.seconds, 9) for r in times.repetitions] == [1, 2, 3]
    assert (times.seconds.mean, times.seconds.median, times.seconds.sd) == (2, 2, 1)
    assert (made, times.notes()) == (4, [])


def test_a_disturbed_repetition_is_repeated_and_left_out() -> None:
    bench = Bench(1, 1, 9, 1, others=(0, 0, PROCESSORS, 0))
    times, _ = bench.run(2, threads=1)
    assert [r.disturbed for r in times.repetitions] == [(), ("others kept the processors busy",), ()]
    assert times.seconds.mean == 1
    assert "they are left out" in times.notes()[0]


def test_a_machine_that_stays_busy_never_yields_a_silent_number() -> None:
    bench = Bench(*[1] * 5, others=(PROCESSORS,) * 5)
    times, _ = bench.run(2, threads=1)
    assert len(times.repetitions) == 4  # two wanted, two more tried
    assert str(times).startswith("~")
    assert "too few quiet ones" in times.notes()[0]


def test_processors_that_the_host_takes_away_are_noticed_for_work_elsewhere_too() -> None:
    times, _ = Bench(*[1] * 9, stolen=0.5).run(1)
    assert "took its processors away" in times.notes()[0]


def test_a_clock_that_goes_backwards_is_no_time() -> None:
    times, _ = Bench(1, -5, 2, 3).run(2)
    assert times.repetitions[0].disturbed
    assert times.seconds.mean == 2.5


@pytest.mark.parametrize("repetitions", [0, -1])
def test_no_repetition_is_no_measurement(repetitions) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Bench(1, 1).run(repetitions)


def test_one_repetition_has_no_spread_and_the_record_is_plain() -> None:
    times = Times((Repetition(1.5, 0.9, 2.0, ("why",)),), 1)
    assert (times.seconds.sd, str(times)) == (0.0, "~1.50 s (median ~1.50 of 1)")
    assert times.data() == [{"seconds": 1.5, "share": 0.9, "load": 2.0, "disturbed": ["why"]}]
    assert math.isfinite(times.seconds.mean)
