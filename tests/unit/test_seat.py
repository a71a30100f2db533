"""The night before: what would stop a seat is said, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.check import Answer
from homelab.errors import EXIT_NOT_STARTED, EXIT_OK
from homelab.runner import seat

MISSING = "images/x-1  the image x\noffline/abc  Python packages, with 09's engine and models\n"


def _ready(folder: Path, word: str) -> Path:
    (folder / ".ready").write_text(f"{word} 123 /here /python\n")
    return folder / ".ready"


def test_a_complete_cache_is_ok(tmp_path: Path) -> None:
    assert seat.complete(0, "nothing is missing\n", tmp_path / "none").status == "ok"


def test_what_would_be_downloaded_is_named(tmp_path: Path) -> None:
    answer = seat.complete(1, MISSING, _ready(tmp_path, "run"))
    assert (answer.status, answer.evidence) == (
        "fail",
        "2 missing: the image x, Python packages, with 09's engine and models",
    )
    assert "bundle --use" in answer.hint


@pytest.mark.parametrize("word", ["bench", "test"])
def test_packages_that_are_installed_are_not_missing(tmp_path: Path, word: str) -> None:
    ready = _ready(tmp_path, word)
    assert seat.complete(1, MISSING, ready).evidence == "1 missing: the image x"
    assert seat.complete(1, MISSING.splitlines()[1], ready).status == "ok"


def test_a_lab_program_that_fails_is_no_complete_cache(tmp_path: Path) -> None:
    answer = seat.complete(3, "boom\n", tmp_path / "none")
    assert (answer.status, answer.evidence) == ("fail", "boom")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (seat.room(10, 10), "ok"),
        (seat.room(10, 1.5), "fail"),
        (seat.memory("MemTotal: 1 kB\nMemAvailable: 8388608 kB\n"), "ok"),
        (seat.memory("MemAvailable: 3145728 kB\n"), "warn"),
        (seat.memory("MemAvailable: 1048576 kB\n"), "fail"),
        (seat.cores(1), "warn"),
        (seat.cores(2), "ok"),
        (seat.clock(1000.0, 2000.0), "fail"),
        (seat.clock(3000.0, 2000.0), "ok"),
        (seat.clock(3000.0, None), "ok"),
        (seat.browser({"DISPLAY": ":0"}), "ok"),
        (seat.browser({}), "warn"),
        (seat.quiet(0), "warn"),
        (seat.quiet(1), "ok"),
    ],
)
def test_an_answer_and_its_hint(answer: Answer, status: str) -> None:
    assert answer.status == status
    assert bool(answer.hint) == (status != "ok")


@pytest.mark.parametrize(("status", "code"), [("ok", EXIT_OK), ("warn", EXIT_OK), ("fail", EXIT_NOT_STARTED)])
def test_only_what_stops_one_is_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str, code: int
) -> None:
    monkeypatch.setattr(seat, "_answers", lambda: iter([Answer("x", "here", status, "seen", "do this")]))
    assert seat.check_seat() == code
    said = capsys.readouterr().out
    assert ("This seat is ready." in said) == (code == EXIT_OK)
