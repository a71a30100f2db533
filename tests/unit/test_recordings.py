"""Recordings as files and as a picture: parsed, put into a table, and seen as their terminal was seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from xml.dom import minidom

import pytest

from homelab.errors import HomelabError
from homelab.machine import Result
from homelab.pictures.embedded import drawing
from homelab.pictures.replay import MOST, replay
from homelab.shell import recordings

HEADER = {
    "version": 2, "width": 80, "height": 24, "timestamp": 1795794262, "srcNode": "phone.snow-burbot.ts.net",
    "srcNodeUser": "alice@example.com", "sshUser": "me", "localUser": "ubuntu", "connectionID": "c1",
}  # fmt: skip
NAME = "demoserver/20261127T154422.4.cast"


def cast(*output: tuple[float, str], tail: str = "", **header: object) -> str:
    lines = [json.dumps(HEADER | header), *(json.dumps([at, "o", text]) for at, text in output)]
    return "\n".join(lines) + "\n" + tail


def shown(*output: tuple[float, str], **header: object) -> list[tuple[float, str]]:
    seen = replay(recordings.parse(cast(*output, **header), NAME))
    return [(line.at, line.text) for line in seen.lines]


def test_parsed() -> None:
    found = recordings.parse(cast((0.5, "a"), (1.25, "b\r\n")), NAME)
    assert (found.host, found.state, found.seconds, found.text) == ("demoserver", "whole", 1.25, "ab\r\n")
    assert (found.person, found.node, found.user, found.asked) == (
        "alice@example.com",
        "phone",
        "ubuntu",
        "me",
    )
    assert found.began == datetime(2026, 11, 27, 15, 44, 22, tzinfo=UTC)
    assert found.command == ""
    assert recordings.parse(cast(), "x/1.cut.cast").state == "cut"
    assert recordings.parse(cast(), "x/1.running.cast").state == "running"


def test_a_tagged_node_has_no_person() -> None:
    header = {**HEADER, "srcNodeTags": ["tag:ci"]}
    del header["srcNodeUser"]
    assert recordings.parse(json.dumps(header) + "\n", NAME).person == "tag:ci"


def test_what_was_cut_off_is_left_out_and_input_is_no_output() -> None:
    found = recordings.parse(cast((0.5, "a"), tail='[0.7, "o", "ha'), NAME)
    assert found.text == "a"
    typed = cast((0.5, "a")) + '[0.6, "i", "secret"]\n'
    assert recordings.parse(typed, NAME).text == "a"


@pytest.mark.parametrize(
    ("text", "where"),
    [("", "f:1"), ("{}\n", "f:1"), ('{"version": 1}\n', "f:1"), (cast() + "nonsense\n", "f:2"), (cast() + "[1]\n", "f:2")],
)  # fmt: skip
def test_what_is_no_recording(text, where) -> None:
    with pytest.raises(HomelabError, match="asciicast") as caught:
        recordings.parse(text, "f")
    assert caught.value.where == where


def answering(out: str, rc: int = 0, err: str = ""):
    return SimpleNamespace(
        name="phone", run=lambda argv, **_: Result(tuple(argv), rc, out, err, 0.0, "phone")
    )


def test_the_recorders_list() -> None:
    entry = {"name": NAME, "state": "cut", "seconds": 2.0, "header": {**HEADER, "command": "id"}}
    found = recordings.listed(answering(json.dumps([entry, {**entry, "header": None}])))
    assert [(r.state, r.command, r.seconds) for r in found] == [("cut", "id", 2.0)]
    with pytest.raises(HomelabError, match="not understood"):
        recordings.listed(answering("<html>"))
    with pytest.raises(HomelabError, match="does not give recordings: Connection refused"):
        recordings.listed(answering("", 7, "curl: (7) Connection refused"))


def test_the_table() -> None:
    one = recordings.parse(cast((1.0, "x"), command="id -un"), NAME)
    two = recordings.parse(cast((2.0, "x")), "demoserver/2.cut.cast")
    rows = recordings.table([one, two]).rows
    assert rows[0] == ("demoserver", "alice@example.com", "phone", "ubuntu", "2026-11-27 15:44:22", "1.0 s", "id -un")  # fmt: skip
    assert rows[1][5:] == ("2.0 s, cut", "(a shell: see its replay)")
    assert str(recordings.table([])) == "Nothing was recorded."


def test_seen_line_by_line_with_its_times() -> None:
    lines = shown((0.1, "$ "), (0.4, "hi"), (0.6, "\r\nhello\r\n"), (0.9, "$ "))
    assert lines == [(0.1, "$ hi"), (0.6, "hello"), (0.9, "$")]


def test_a_correction_at_the_prompt_is_seen_corrected() -> None:
    assert shown((0.1, "$ lx\b\x1b[K"), (0.2, "s\r\n")) == [(0.1, "$ ls")]


def test_what_went_off_the_top_is_kept() -> None:
    lines = shown(*[(n / 10, f"line {n}\r\n") for n in range(60)])
    assert [text for _, text in lines] == [f"line {n}" for n in range(60)]
    assert lines[59][0] == 5.9


def test_a_wiped_screen_keeps_what_was_before() -> None:
    lines = shown((0.1, "before\r\n"), (0.5, "\x1b[2J\x1b[Htop 1"), (0.9, "\x1b[2J\x1b[Htop 2"))
    assert lines == [(0.1, "before"), (0.5, "top 1"), (0.9, "top 2")]


def test_without_a_terminal_a_line_ends_where_it_ends() -> None:
    assert shown((0.1, "a\nb\n"), width=0, height=0) == [(0.1, "a"), (0.1, "b")]


def test_the_picture_is_one_file_without_scripts() -> None:
    made = replay(recordings.parse(cast((0.1, "\x1b[31m<b>&red\x1b[0m plain\r\n"), (9.0, "late")), NAME))
    svg = made.svg()
    minidom.parseString(svg)
    assert "&lt;b&gt;&amp;red" in svg
    assert "script" not in svg
    assert "href" not in svg
    assert "animation-delay:1.60s" in svg, "nobody waits nine seconds"
    assert str(made).splitlines()[0] == "alice@example.com at phone, as ubuntu on demoserver"
    assert "   9.0 s  late" in str(made)
    assert drawing(made._repr_mimebundle_()["text/html"]) == (svg, str(made))


def test_a_long_one_says_how_much_is_missing() -> None:
    made = replay(recordings.parse(cast(*[(n, f"{n}\r\n") for n in range(MOST + 30)]), NAME))
    assert "and 30 lines more" in made.svg()
