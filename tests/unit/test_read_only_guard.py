"""The guard in front of a machine: what is not listed is refused before it runs, and named."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from homelab.clients import screening
from homelab.errors import NotReadOnly
from homelab.local_machine import LocalMachine
from homelab.machine import Pending, Result
from homelab.person import Reader
from homelab.read_only import Guard, Guarded
from homelab.secret import conceal


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(True, tmp_path / "commands.jsonl")


@pytest.fixture
def here(guard: Guard) -> Guarded:
    return Guarded(LocalMachine("tequila", Reader(), Pending()), guard)


def test_what_reads_runs(here: Guarded, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    assert here.run(["cat", str(tmp_path / "x")]).ok().out == "hello"
    assert here.read_text(str(tmp_path / "x")) == "hello"


def test_what_changes_is_refused_before_it_runs(here: Guarded, tmp_path: Path) -> None:
    target = tmp_path / "x"
    with pytest.raises(NotReadOnly) as caught:
        here.run(["touch", str(target)])
    assert not target.exists()
    assert f"touch {target}" in caught.value.what
    assert caught.value.where == "tequila"
    assert "mistake of the runbook" in caught.value.hint
    with pytest.raises(NotReadOnly):
        here.write_text(str(target), "x")
    assert not target.exists()


def test_it_is_lifted_while_a_change_is_made_and_no_longer(
    here: Guarded, guard: Guard, tmp_path: Path
) -> None:
    with guard.lifted():
        here.run(["touch", str(tmp_path / "x")]).ok()
        here.write_text(str(tmp_path / "y"), "y")
    assert (tmp_path / "x").exists()
    assert (tmp_path / "y").exists()
    with pytest.raises(NotReadOnly):
        here.run(["touch", str(tmp_path / "z")])
    with pytest.raises(ZeroDivisionError), guard.lifted():
        raise ZeroDivisionError
    with pytest.raises(NotReadOnly):
        here.run(["touch", str(tmp_path / "z")])


def test_a_lab_is_only_recorded(tmp_path: Path) -> None:
    guard = Guard(False, tmp_path / "commands.jsonl")
    Guarded(LocalMachine("tequila", Reader(), Pending()), guard).run(["touch", str(tmp_path / "x")]).ok()
    (line,) = map(json.loads, (tmp_path / "commands.jsonl").read_text().splitlines())
    assert line["argv"][0] == "touch"
    assert "list" in line["refused"]
    assert not line["changing"]


def test_the_record_holds_no_secret(here: Guarded, tmp_path: Path) -> None:
    conceal("hunter2-hunter2")
    here.run(["echo", "hunter2-hunter2"])
    assert "hunter2" not in (tmp_path / "commands.jsonl").read_text()


def test_it_stays_the_machine_that_it_guards(here: Guarded) -> None:
    assert isinstance(here, LocalMachine)
    assert (here.name, here.about) == ("tequila", "the machine that this runs on")


def test_homes_are_guarded_always_and_labs_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOMELAB_GUARD", raising=False)
    assert Guard.of(home=True).on
    assert not Guard.of(home=False).on
    monkeypatch.setenv("HOMELAB_GUARD", "1")
    assert Guard.of(home=False).on


def test_the_stills_of_a_film_are_fetched_while_only_looking(guard: Guard) -> None:
    asked: list[list[str]] = []

    def run(argv: list[str], **_: object) -> Result:
        asked.append(argv)
        return Result(tuple(argv), 0, base64.b64encode(screening.JPEG + b"row").decode(), "", 0.0, "phone")

    phone = Guarded(SimpleNamespace(name="phone", run=run), guard)  # type: ignore[arg-type]
    address = "http://tequila:8096/Videos/7/stream?static=true"
    assert screening._stills(phone, address, 8.0).startswith(screening.JPEG)
    (argv,) = asked
    for before, after in (
        ("-", "/tmp/row.jpg"),
        ("-nostdin", "-y"),
        (address, "/etc/passwd"),
        ("mjpeg", "h264"),
        ("format=yuvj420p", "metadata=print:file=/tmp/x,format=yuvj420p"),
    ):
        with pytest.raises(NotReadOnly):
            phone.run([w.replace(before, after) if before != "-" else after if w == "-" else w for w in argv])
