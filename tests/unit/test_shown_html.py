"""What a notebook shows is read alike in JupyterLab and in its HTML export: whole words, colours that mean something, no walls."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from homelab.check import Answer
from homelab.outcome import Outcome
from homelab.pictures.terminal import Terminal
from homelab.plan import Change, Plan
from homelab.record import BLOCK, COLOURS, MIME, heard_by, offer, say
from homelab.resources import file

DIFF = file.State("a.conf", "one\ntwo\n"), file.State("a.conf", "one\nthree\n")


def outcome(status: str, lines: int) -> str:
    """How a change by a command of so many lines is shown."""
    text = "\n".join(f"line {n}" for n in range(lines - 2))
    absent, there = file.State("a.conf", None), file.State("a.conf", text)
    made = Change("tequila", "file", "write it", absent, there)
    return Outcome(made, status).html()


def test_what_is_said_keeps_its_words_whole_and_its_commands_as_such(capsys) -> None:
    heard: list = []
    with heard_by(heard.append):
        say("machines have `docker compose` & more")
    assert capsys.readouterr().out == "", "a control shows it"
    bundle = heard[0]._repr_mimebundle_()
    assert bundle["text/plain"] == "machines have `docker compose` & more"
    assert bundle["text/html"] == "<div>machines have <code>docker compose</code> &amp; more</div>"


def test_in_a_terminal_it_is_a_line(capsys) -> None:
    say("machines have `docker compose`")
    assert capsys.readouterr().out == "machines have `docker compose`\n"


def test_in_a_notebook_it_is_no_stream(capsys, monkeypatch) -> None:
    shown: list = []
    fake = SimpleNamespace(get_ipython=lambda: object())
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=shown.append))
    say("Alice opens a page")
    assert capsys.readouterr().out == ""
    assert "<div>" in shown[0]._repr_mimebundle_()["text/html"]


def test_a_check_shows_commands_as_such() -> None:
    html = Answer("sees it", "tequila", "skip", "only `a < b`", "then `wsl --shutdown`, or a ` alone").html()
    assert "only <code>a &lt; b</code>" in html
    assert "then <code>wsl --shutdown</code>, or a ` alone" in html
    assert f'<pre style="{BLOCK}">' in Answer("sees it", "tequila", "ok", "a\nb").html()


def test_in_a_plan_what_goes_and_what_comes_differ_in_colour_too() -> None:
    html = Plan("02", (Change("tequila", "file", "write it", *DIFF),), ("`wsl` ends",)).html()
    assert f'<span style="color:{COLOURS["fail"]}">-two</span>' in html
    assert f'<span style="color:{COLOURS["ok"]}">+three</span>' in html
    assert "\n one\n" in html, "what stays has the page's ink"
    assert "<code>wsl</code> ends" in html


@pytest.mark.parametrize(
    ("status", "lines", "folded"),
    [("applied", 14, True), ("applied", 6, False), ("failed", 14, False), ("planned", 14, False)],
)
def test_a_long_command_that_ran_is_no_wall(status, lines, folded) -> None:
    html = outcome(status, lines)
    assert ("<details><summary" in html) == folded
    assert "line 0" in html, "all of it is there"


def test_a_terminals_words_are_whole_and_nothing_is_cut_off() -> None:
    html = Terminal("tequila", (("docker ps", "one two"),))._repr_mimebundle_()["text/html"]
    for rule in ("margin:.3em 0", "white-space:pre-wrap", "word-break:normal", "overflow-wrap:anywhere"):
        assert rule in html


def test_a_hint_stands_right_below_lines_of_evidence() -> None:
    assert "</pre><i>Hint: look" in Answer("sees it", "tequila", "warn", "a\nb", "look").html()
    assert "a<br><i>Hint: look" in Answer("sees it", "tequila", "warn", "a", "look").html()


def test_an_offer_is_read_like_a_plan_and_counted_by_no_run() -> None:
    heard: list = []
    plan = Plan("02", (Change("tequila", "file", "write it", *DIFF),))
    with heard_by(heard.append):
        offer(plan)
    told = plan._repr_mimebundle_()
    assert MIME in told
    assert heard[0]._repr_mimebundle_() == {kind: words for kind, words in told.items() if kind != MIME}
