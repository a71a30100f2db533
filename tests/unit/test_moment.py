"""One plan is of one moment: what holds for a while, and all that is asked anew."""

from __future__ import annotations

import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import pytest

from homelab import moment
from homelab.check import Answer, check
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.read_only import Guard, Guarded
from homelab.wait import until


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Guard:
    monkeypatch.setenv("HOMELAB_RUN", "run-1")
    return Guard.of(home=True)


@pytest.fixture
def here(guard: Guard) -> Guarded:
    return Guarded(LocalMachine("tequila", Reader(), Pending()), guard)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "x"
    found.write_text("old")
    return found


def both(here: Guarded, file: Path) -> tuple[str, str | None]:
    return here.run(["cat", str(file)]).ok().out, here.read_text(str(file))


def test_what_was_just_read_holds_for_a_moment(
    here: Guarded, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert both(here, file) == ("old", "old")
    file.write_text("new")
    assert both(here, file) == ("old", "old")
    monkeypatch.setattr(moment, "HOLDS", 0.0)
    assert both(here, file) == ("new", "new")


def test_a_file_that_is_not_there_is_an_answer_too(here: Guarded, tmp_path: Path) -> None:
    assert here.read_text(str(tmp_path / "y")) is None
    (tmp_path / "y").write_text("new")
    assert here.read_text(str(tmp_path / "y")) is None


def test_after_a_change_nothing_comes_from_memory_and_during_one_neither(
    here: Guarded, guard: Guard, file: Path
) -> None:
    assert both(here, file) == ("old", "old")
    with guard.lifted():
        here.run(["sh", "-c", f"printf new >{file}"]).ok()
        assert both(here, file) == ("new", "new")
        here.write_text(str(file), "newer")
        assert both(here, file) == ("newer", "newer")
        file.write_text("newest")
    assert both(here, file) == ("newest", "newest")


def test_a_change_that_fails_has_moved_something_as_well(here: Guarded, guard: Guard, file: Path) -> None:
    assert both(here, file) == ("old", "old")
    with pytest.raises(OSError, match="disk"), guard.lifted():
        _half(file)
    assert both(here, file) == ("half", "half")


def _half(file: Path) -> None:
    file.write_text("half")
    raise OSError("the disk is full")


def test_a_wait_sees_the_new_value_and_so_does_who_reads_after_it(here: Guarded, file: Path) -> None:
    other = file.with_name("other")
    other.write_text("before")
    assert both(here, file) == ("old", "old")
    assert both(here, other) == ("before", "before")
    looks = iter(range(9))

    def look() -> str:
        if next(looks) == 1:
            file.write_text("new")
            other.write_text("after")
        return here.run(["cat", str(file)]).out

    assert until(look, "new".__eq__, "the new text", every=0.0) == "new"
    assert both(here, file) == ("new", "new")
    assert both(here, other) == ("after", "after"), "the world went on while we waited"


def test_a_check_measures(here: Guarded, file: Path) -> None:
    @check
    def the_text(machine: Any) -> Answer:
        return Answer("the text", machine.name, "ok", machine.run(["cat", str(file)]).out)

    assert both(here, file) == ("old", "old")
    file.write_text("new")
    assert the_text(here).evidence == "new"


@pytest.mark.parametrize(
    "script", ["date", "ping -c 1 127.0.0.1", "curl http://127.0.0.1", "docker logs x", "cat /proc/1/stat"]
)
def test_what_measures_is_asked_again_each_time(script: str, guard: Guard) -> None:
    asked: list[list[str]] = []
    machine: Any = SimpleNamespace(name="tequila", run=lambda argv, **_: asked.append(argv))
    for argv in (["sh", "-c", f"{script} && true"], script.split()):
        Guarded(machine, guard).run(argv)
        Guarded(machine, guard).run(argv)
    assert len(asked) == 4


def test_what_the_kernel_tells_is_read_each_time(guard: Guard) -> None:
    asked: list[str] = []
    machine: Any = SimpleNamespace(name="tequila", read_text=asked.append)
    for _ in range(2):
        Guarded(machine, guard).read_text("/proc/1/stat")
    assert len(asked) == 2


def test_after_a_ping_the_ways_are_looked_at_anew(here: Guarded, file: Path) -> None:
    assert both(here, file) == ("old", "old")
    file.write_text("new")
    here.run(["ping", "-c", "1", "-W", "1", "127.0.0.1"])
    assert both(here, file) == ("new", "new")


def test_other_input_or_environment_is_another_question(here: Guarded) -> None:
    assert [here.run(["cat"], stdin=said).out for said in "ab"] == ["a", "b"]
    assert [here.run(["sh", "-c", "echo $X"], env={"X": said}).out for said in "ab"] == ["a\n", "b\n"]


def test_only_a_run_at_home_remembers(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMELAB_RUN", "run-1")
    lab = Guard.of(home=False)
    monkeypatch.delenv("HOMELAB_RUN")
    for guard in (lab, Guard.of(home=True)):  # in JupyterLab the reader may be at work beside us
        here = Guarded(LocalMachine("tequila", Reader(), Pending()), guard)
        file.write_text("old")
        assert both(here, file) == ("old", "old")
        file.write_text("new")
        assert both(here, file) == ("new", "new")


def test_what_fails_to_answer_is_asked_again(guard: Guard) -> None:
    answers = iter([OSError("gone"), "here"])

    def ask() -> str:
        if isinstance(found := next(answers), OSError):
            raise found
        return found

    with pytest.raises(OSError, match="gone"):
        guard.moment.once("x", ask)
    assert guard.moment.once("x", ask) == "here"
    busy = iter(["busy", "here"])
    assert [guard.moment.once("y", lambda: next(busy), "here".__eq__) for _ in range(3)] == [
        "busy",
        "here",
        "here",
    ]


def test_who_asks_the_same_meanwhile_waits_for_that_answer(guard: Guard) -> None:
    asked, go = [], threading.Event()

    def ask() -> str:
        asked.append(1)
        assert go.wait(10)
        return "here"

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(guard.moment.once, "x", ask) for _ in range(4)]
        until(lambda: sum(f.running() for f in found), (4.0).__eq__, "all of them to ask", every=0.0)
        go.set()
        assert [f.result() for f in found] == ["here"] * 4
    assert len(asked) == 1


def test_an_answer_to_a_question_from_before_a_change_is_not_for_who_asks_after_it(guard: Guard) -> None:
    begun, go, answers = threading.Event(), threading.Event(), iter(["before", "after"])

    def ask() -> str:
        answer = next(answers)
        if answer == "before":
            begun.set()
            assert go.wait(10)
        return answer

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(guard.moment.once, "x", ask)
        assert begun.wait(10)
        with guard.lifted():
            pass
        assert guard.moment.once("x", ask) == "after"
        go.set()
        assert first.result() == "before"
    assert guard.moment.once("x", ask) == "after"


def test_looking_ahead_asks_at_once_and_keeps_its_errors_for_later(guard: Guard) -> None:
    together = threading.Barrier(3)

    def ask(name: str) -> str:
        together.wait(10)
        if name == "c":
            raise OSError("gone")
        return name

    guard.moment.ahead([lambda n=n: guard.moment.once(n, lambda: ask(n)) for n in "abc"])
    assert [guard.moment.once(n, lambda: "asked again") for n in "abc"] == ["a", "b", "asked again"]


def test_where_nothing_is_remembered_nobody_looks_ahead() -> None:
    Guard.of(home=False).moment.ahead([lambda: pytest.fail("looked")])


def test_what_holds_is_handed_on_to_the_next_process(
    here: Guarded, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "_inherited", {})
    assert both(here, file) == ("old", "old")
    here.guard.moment.once("not plain data", threading.Lock)
    text = moment.handed_on()
    file.write_text("new")
    moment.inherit(text)
    next_one = Guarded(LocalMachine("tequila", Reader(), Pending()), Guard.of(home=True))
    assert both(next_one, file) == ("old", "old")
    moment.moved()
    assert both(next_one, file) == ("new", "new")


def test_what_has_moved_is_not_handed_on(
    here: Guarded, guard: Guard, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "_kept", WeakSet([guard.moment]))
    assert both(here, file) == ("old", "old")
    with guard.lifted():
        pass
    assert moment.handed_on() == ""


@pytest.mark.parametrize(
    ("line", "sends"),
    [
        ("python3 -c SERVER 40000", True),
        ("sh -c 'exec python3 - http://x'", True),
        ("python3.10 -c 'import ensurepip, venv'", False),
        ("apt-cache show python3.10-venv", False),
        ("apt-cache show python3-venv", False),
        ('sh -c \'[ -x "$2/bin/python" ] && sha256sum --status -c "$2/$3"\'', False),
    ],
)
def test_only_a_program_in_python_sends(line: str, sends: bool) -> None:
    assert moment.sends(shlex.split(line)) == moment.is_measured(shlex.split(line)) == sends
