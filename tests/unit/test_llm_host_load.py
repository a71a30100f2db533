"""What else the machine did: from counters, as Linux writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.llm import host_load
from homelab.llm.host_load import Snapshot, between

START = Snapshot(100.0, 1000.0, 50.0, 0.0, 10.0, 5.0)


def after(**more: float) -> Snapshot:
    given = {"monotonic": 101.0, "wall": 1001.0, "busy": 52.0, "stolen": 0.0, "engine": 12.0, "ours": 5.0}
    return Snapshot(**{**given, **more})


def test_a_quiet_second() -> None:
    found = between(START, after(), 2, 2)
    assert (found.share, found.others, found.reasons) == (1.0, 0.0, ())


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"engine": 11.0}, "the engine had 50% of its processors"),
        ({"wall": 990.0}, "a clock was set"),
        ({"monotonic": 99.0}, "a clock was set"),
        ({"wall": 1003.0}, "a clock was set"),  # the machine slept, or somebody set the time
        ({"stolen": 0.2}, "the host of this machine took its processors away"),
        ({"busy": 53.0}, "others kept 1.0 of 2 processors busy"),
    ],
)
def test_what_disturbs(more: dict[str, float], why: str) -> None:
    assert why in between(START, after(**more), 2, 2).reasons


def test_others_may_use_what_the_engine_does_not() -> None:
    found = between(START, after(engine=11.0, busy=52.0), 1, 2)
    assert (found.others, found.reasons) == (1.0, ())


def test_threads_that_sleep_while_they_wait_get_less() -> None:
    there = after(engine=11.66, busy=51.66)  # of two seconds, in which nobody else computed
    assert between(START, there, 2, 2).reasons == ("the engine had 83% of its processors",)
    assert between(START, there, 2, 2, passive=True).reasons == ()
    alone = after(engine=11.16, busy=51.16)  # at depth 0 they sleep much, on the quietest of machines
    assert between(START, alone, 2, 2, passive=True).reasons == ()
    beside = after(engine=11.16, busy=51.36)
    assert between(START, beside, 2, 2, passive=True).reasons == ("the engine had 58% of its processors",)


def test_an_engine_elsewhere_has_no_share() -> None:
    there = Snapshot(100.0, 1000.0, 50.0, 0.0, None, 5.0)
    found = between(there, after(engine=None), 2, 2)
    assert (found.share, found.reasons) == (None, ())


def test_the_files_of_linux(tmp_path: Path) -> None:
    tick = host_load.TICK
    (tmp_path / "7").mkdir()
    (tmp_path / "stat").write_text(f"cpu  {tick} 0 {tick} {9 * tick} 0 0 0 {2 * tick} 0 0\ncpu0 1\n")
    (tmp_path / "loadavg").write_text("1.25 0.5 0.1 1/200 99\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    (tmp_path / "7/stat").write_text(f"7 (a ) b) S 1 1 1 0 -1 0 0 0 0 0 {3 * tick} {tick} 0 0\n")
    seen = host_load.snapshot(1.5, str(tmp_path))
    assert (seen.busy, seen.stolen, seen.engine, seen.load) == (2.0, 2.0, 1.5, 1.25)
    assert host_load.process_cpu(7, str(tmp_path)) == 4.0
    assert host_load.process_cpu(8, str(tmp_path)) is None
    assert host_load.available(str(tmp_path)) == 2048 * 1024
