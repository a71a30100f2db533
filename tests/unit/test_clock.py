"""Clocks that disagree, with clocks of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from homelab.checks import clock
from homelab.machine import Pending, Result

NOON = 1_800_000_000.0


class Said:
    """A machine whose ``date`` says `text`."""

    name = "demoserver"

    def __init__(self, text: str) -> None:
        self.text, self.pending = text, Pending()

    def run(self, argv, **more) -> Result:
        assert argv == ["date", "+%s"]
        return Result(tuple(argv), 0, self.text + "\n", "", 0.0)


def ticks(*moments: float):
    left = list(moments)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        (NOON, "ok", "to within 0 s"),
        (NOON + 59, "ok", "to within"),
        (NOON + 90, "warn", "90 s ahead"),
        (NOON - 300, "warn", "5 min behind"),
        (NOON + 7200 * 2, "warn", "4 h ahead"),
        (0, "warn", "20833 days behind"),
    ],
)
def test_a_machine_whose_clock_is_off(said: float, status: str, words: str) -> None:
    answer = clock.agrees(Said(f"{said:.0f}"), ticks(NOON))
    assert (answer.status, answer.vantage) == (status, "demoserver")
    assert words in answer.evidence


def test_a_slow_way_to_a_machine_is_not_its_clock_s_fault() -> None:
    """The answer came after 100 s, and may have been given at any moment between."""
    assert clock.agrees(Said(f"{NOON + 95:.0f}"), ticks(NOON, NOON + 100)).status == "ok"


def test_a_machine_that_says_no_time_fails() -> None:
    assert clock.agrees(Said("Fr 27. Nov")).status == "fail"


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return self.server.date  # type: ignore[attr-defined,no-any-return]

        def log_message(self, *words: object) -> None:
            """Not into the test's output."""

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        made.status, made.date = 200, formatdate(NOON, usegmt=True)  # type: ignore[attr-defined]
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_our_own_clock_against_a_server_s(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    assert clock.right(url, ticks(NOON + 20)).status == "ok"
    slow = clock.right(url, ticks(NOON - 86400 * 3))
    assert (slow.status, slow.evidence) == ("warn", "it is 3 days behind")
    server.status = 404  # type: ignore[attr-defined]
    assert clock.right(url, ticks(NOON + 600)).evidence == "it is 10 min ahead"
    server.date = "yesterday"  # type: ignore[attr-defined]
    assert (clock.right(url).status, clock.right(url).evidence) == ("skip", f"{url} says no time")


def test_where_nobody_answers_nothing_is_said_of_the_clock() -> None:
    answer = clock.right("https://127.0.0.1:9")
    assert answer.status == "skip"
    assert "refused" in answer.evidence
