"""Two runs at once on one home, as two processes: the second says who is there, and starts nothing."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from tiny import SHOW, Tiny, until


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.book(
        "00_slow",
        SHOW,
        f"""
        import time
        from pathlib import Path
        check("has begun")
        while apply and not Path({str(tmp_path / "go")!r}).exists():
            time.sleep(0.02)
        """,
    )
    return made


def test_the_second_is_refused_by_name_and_a_killed_one_holds_nothing(tiny: Tiny) -> None:
    first = tiny.start("--apply")
    until(lambda: tiny.proved("has begun"), "the first run to be in its stage")
    for more in ([], ["--apply"]):
        words = ["run", "--params", str(tiny.home), "--out", str(tiny.folder / "second"), *more]
        second = tiny.call(*words)
        assert second.returncode == 3, second.stdout
        assert re.search(rf"run \S+-{first.pid} of \S+ \(process {first.pid} on ", second.stderr)
        assert "applies changes since 2" in second.stderr
        assert "Hint: wait until that is done" in second.stderr
        assert not (tiny.folder / "second").exists()
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=20)
    (tiny.folder / "go").touch()
    (tiny.folder / "out").rename(tiny.folder / "killed")
    third = tiny.run("--apply")
    assert third.returncode == 0, third.stderr
    assert not list((tiny.folder / "state/homelab-runbook/homes").glob("*.lock.*"))


def test_two_that_only_look_do_not_mind_each_other(tiny: Tiny) -> None:
    first = tiny.start()
    second = tiny.call("run", "--params", str(tiny.home), "--out", str(tiny.folder / "second"))
    assert second.returncode == 0, second.stderr
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_another_home_is_not_held(tiny: Tiny) -> None:
    first = tiny.start("--apply")
    until(lambda: tiny.proved("has begun"), "the first run to be in its stage")
    other = tiny.folder / "other.yaml"
    other.write_text("world: otherhome\n")
    second = tiny.call("run", "--params", str(other), "--out", str(tiny.folder / "second"))
    assert second.returncode == 0, second.stderr
    (tiny.folder / "go").touch()
    first.communicate(timeout=60)
    assert first.returncode == 0
