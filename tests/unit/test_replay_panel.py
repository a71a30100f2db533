"""A recorded terminal at any moment, and the controls that turn it forth and back."""

from __future__ import annotations

import dataclasses
import json
import re
from html import unescape
from types import SimpleNamespace

import pytest

from homelab.machine import Result
from homelab.panels import ssh_replay
from homelab.pictures.replay import HUES, Replay, replay
from homelab.pictures.screen import CURSOR, LIT, Screen
from homelab.secret import conceal
from homelab.shell import recordings

HEADER = {"version": 2, "width": 20, "height": 4, "timestamp": 1795794262, "srcNode": "phone", "localUser": "ubuntu"}  # fmt: skip
OUTPUT = [(0.5, "$ "), (1.0, "\x1b[31mls\x1b[0m"), (2.0, "\r\na  b\r\n$ "), (3.25, "\x1b[2J\x1b[Hnew")]


def cast(output=OUTPUT) -> str:
    return "\n".join([json.dumps(HEADER), *(json.dumps([at, "o", text]) for at, text in output)]) + "\n"


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html)).rstrip()


def test_the_screen_at_any_moment_forth_and_back() -> None:
    screen = Screen(recordings.parse(cast(), "one.cast"))
    assert words(screen.at(0.0)) == ""
    assert words(screen.at(1.0)) == "$ ls"
    assert [line.rstrip() for line in words(screen.at(3.0)).split("\n")] == ["$ ls", "a  b", "$"]
    assert words(screen.at(99.0)) == "new"
    assert [line.rstrip() for line in words(screen.at(2.0)).split("\n")] == ["$ ls", "a  b", "$"]
    assert words(screen.at(0.6)) == "$"
    assert screen.at(0.6) == Screen(recordings.parse(cast(), "one.cast")).at(0.6)


def test_colours_and_the_cursor_are_seen_and_a_secret_is_not() -> None:
    screen = Screen(recordings.parse(cast(), "one.cast"))
    assert '<span style="color:light-dark(#b3261e,#ff8a80)">ls</span><span style="background:' in screen.at(
        1.0
    )
    assert screen.at(1.0).count(CURSOR) == 1
    assert set(HUES.values()) <= set(LIT), "each colour has its own on a dark page"
    conceal("hunter2-hunter2")
    told = Screen(recordings.parse(cast([(0.1, "hunter2-hunter2 <b>")]), "one.cast")).at(1.0)
    assert "hunter2" not in told
    assert "&lt;b&gt;" in told


def test_without_a_terminal_a_line_ends_where_it_ends() -> None:
    bare = dataclasses.replace(recordings.parse(cast([(0.1, "a\nb")]), "one.cast"), columns=0, lines=0)
    assert [line.rstrip() for line in words(Screen(bare).at(1)).split("\n")] == ["a", "b"]


@pytest.fixture
def player():
    """Two sessions, of which the recorder gives the second only; and what was told."""
    texts = {"a/1.cast": "", "a/2.cast": cast()}

    def run(argv, **_):
        text = texts[argv[-1].partition("recordings/")[2]]
        return Result(tuple(argv), 0 if text else 22, text, "curl: (22) The requested URL returned error: 404", 0.0, "phone")  # fmt: skip

    sessions = [recordings.parse(cast(), name) for name in texts]
    told: list[object] = []
    machine = SimpleNamespace(name="phone", run=run)
    return ssh_replay.Player(machine, sessions, "recorder", told.append), told, sessions, machine


def test_it_plays_at_its_pace_and_is_turned_by_hand(player) -> None:
    made, told, *_ = player
    assert isinstance(told[-1], Replay), "the whole session stays below the controls"
    assert (made.time.max, made.play.max) == (3.4, 34)
    made.play.value = 10
    assert (made.time.value, words(made.shown.value)) == (1.0, "$ ls")
    made.time.value = 3.4
    assert (made.play.value, words(made.shown.value)) == (34, "new")
    made.time.value = 0.5
    assert (made.play.value, words(made.shown.value)) == (5, "$")
    paces = []
    for speed in (0.5, 1.0, 5.0):
        made.speed.value = speed
        paces.append(made.play.step * 100 / made.play.interval)
    assert paces == [0.5, 1.0, 5.0]
    made.play.value = made.play.max - made.play.max % 5  # as far as the browser goes in steps of five
    assert words(made.shown.value) == "new", "the end is reached at any pace"


def test_a_session_that_the_recorder_does_not_give_is_one_sentence(player) -> None:
    made, told, sessions, _ = player
    made.time.value = 2.0
    made.session.value = sessions[0]
    assert str(told[-1]).startswith("✗ fail phone: the recorder does not give recordings/a/1.cast")
    assert "Hint: is a node called 'recorder' in the tailnet" in str(told[-1])
    assert made.shown.value == ""
    made.time.value = 1.0  # nothing to show, and no error
    made.session.value = sessions[1]
    assert isinstance(told[-1], Replay)
    assert made.time.value == 0.0


def test_where_nobody_can_press_there_is_the_whole_picture(player, monkeypatch) -> None:
    _, _, sessions, machine = player
    monkeypatch.setenv("HOMELAB_HEADLESS", "1")
    assert isinstance(ssh_replay.panel(machine, sessions), Replay)
    assert "does not give" in str(ssh_replay.panel(machine, sessions[:1]))
    assert str(ssh_replay.panel(machine, [])) == ssh_replay.NOTHING


def test_a_secret_that_is_typed_letter_by_letter_is_never_seen() -> None:
    conceal("correct-horse")
    typed = [(0.1 * n, letter) for n, letter in enumerate("$ correct-horse!", 1)]
    key = [(2 + 0.1 * n, letter) for n, letter in enumerate("\r\ntskey-auth-kABC-DEF ok")]
    recording = recordings.parse(cast([*typed, *key]), "one.cast")
    screen = Screen(recording)
    seen = [words(screen.at(at)) for at, _ in recording.output]
    assert seen[2:14] == ["$ •••"] * 12, "from its first letter to its last but one"
    assert words(screen.at(1.6)) == "$ •••!"
    assert words(screen.at(99.0)).split("\n")[1].rstrip() == "••• ok"
    assert not [s for s in seen if "co" in s or "ts" in s]
    still = replay(recording)
    assert "•••!" in str(still)
    assert not any("cor" in run.text or "tskey" in run.text for line in still.lines for run in line.runs)
