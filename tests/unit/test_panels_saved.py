"""What a page that was saved says where the controls were, and that they stand above what they tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest

from homelab.errors import HomelabError
from homelab.llm.measure import Wish
from homelab.panels import benchmark, beside, film, reloaded, ssh_replay
from homelab.stages.gpu_benchmarks_choice import Choice
from homelab.stages.gpu_benchmarks_record import Kept
from tests.unit.bench_reports import report

SEATS = [SimpleNamespace(name="phone"), SimpleNamespace(name="windows")]
SESSIONS = [SimpleNamespace(state="whole", person="p", user="u", host="h", began=0, seconds=1.0, command="")]


def no(*_: object, **__: object) -> Any:
    raise HomelabError("nobody answers")


@pytest.fixture
def page(monkeypatch) -> list[Any]:
    """What came to stand in the cell, one below the other: controls with their words, and what was told."""
    stands: list[Any] = []
    monkeypatch.delenv("HOMELAB_HEADLESS", raising=False)
    monkeypatch.setattr(beside, "place", lambda box, saved: stands.append((box, saved)))
    monkeypatch.setattr(beside, "live", lambda: stands.append("facts") or stands.append)
    return stands


def open_film() -> None:
    film.panel(SEATS, "http://x", SimpleNamespace(), "Game of Life")


def open_benchmark() -> None:
    benchmark.panel([Choice("there", "m", 600, lambda: None)], report(), Wish(), Kept())


def open_replay() -> None:
    ssh_replay.panel(SEATS[0], SESSIONS)


@pytest.mark.parametrize(
    ("panel", "opened"), [(film, open_film), (benchmark, open_benchmark), (ssh_replay, open_replay)]
)
def test_a_saved_page_has_words_for_the_controls_above_the_facts(page, monkeypatch, panel, opened) -> None:
    monkeypatch.setattr(film.screening, "seen", no)
    monkeypatch.setattr(ssh_replay.recordings, "fetched", no)
    monkeypatch.setattr(ssh_replay, "_name", lambda session: "one")
    opened()
    (box, saved), facts, *told = page
    assert saved == panel.SAVED
    assert facts == "facts"
    assert len(box.children) == 1, "the controls are in their place"
    assert told


def test_the_words_are_the_text_of_what_is_placed(monkeypatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    button = ipywidgets.Button()
    beside.place(button, "words")
    (bundle,) = shown
    assert bundle["text/plain"] == "words"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_page_that_is_loaded_anew_is_told_that_it_may_be_old() -> None:
    line = reloaded.line()
    assert line.value == ""
    comm = SimpleNamespace(on_msg=lambda heard: None)
    reloaded._opened(comm, {"metadata": {"version": "1.0.0"}})
    assert reloaded.WORDS in line.value
    assert reloaded.line().value == "", "the cell was run again"


def test_a_film_that_is_picked_while_one_is_asked_for_is_not_shown_as_picked(page, monkeypatch) -> None:
    monkeypatch.setattr(film.screening, "seen", no)
    later: list[Any] = []
    monkeypatch.setattr(beside, "soon", later.append)
    told: list[str] = []
    player = film.Player(SEATS, "http://x", SimpleNamespace(), "Game of Life", lambda t: told.append(str(t)))
    player.load()
    player.seat.value = SEATS[1]  # on its way before the browser knew
    assert not [words for words in told if "windows" in words]
    later.pop()()
    assert player.seat.value is SEATS[0]
    assert not player.seat.disabled
    player.seat.value = SEATS[1]
    assert told[-1] == "windows cannot play it: nobody answers."
