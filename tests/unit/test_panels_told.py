"""What a control tells: at once that it is at work, what was shown meanwhile, and one sentence for an error."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from homelab.errors import HomelabError
from homelab.panels import beside
from homelab.panels.beside import Rounds
from homelab.panels.told import AT_WORK, telling
from homelab.record import show
from homelab.wait import until


def test_what_is_shown_meanwhile_is_told_and_not_printed(capsys, monkeypatch) -> None:
    monkeypatch.setattr("homelab.record._in_notebook", lambda: False)  # whatever another test has left
    told: list[object] = []
    with telling(told.append):
        assert str(told[-1]) == AT_WORK, "at once"
        show("made the NAT symmetric")
        show("<b>")
    assert str(told[-1]) == "made the NAT symmetric\n<b>"
    assert "&lt;b&gt;" in told[-1]._repr_mimebundle_()["text/html"]
    assert capsys.readouterr().out == ""
    show("again")
    assert capsys.readouterr().out == "again\n"


def test_an_error_of_ours_is_a_sentence_and_another_is_not_hidden() -> None:
    told: list[object] = []
    with telling(told.append):
        raise HomelabError("the lab went away", "phone", "start it: ./runbook lab up")
    assert str(told[-1]) == "✗ fail phone: the lab went away\nHint: start it: ./runbook lab up"
    with pytest.raises(ZeroDivisionError), telling(told.append):
        raise ZeroDivisionError


def test_nothing_heard_leaves_nothing_behind() -> None:
    told: list[object] = []
    with telling(told.append):
        pass
    assert str(told[-1]) == ""


def test_controls_rest_while_one_is_at_work_also_when_it_fails(monkeypatch) -> None:
    later: list[Callable[[], None]] = []
    monkeypatch.setattr(beside, "soon", later.append)
    controls = [SimpleNamespace(disabled=False), SimpleNamespace(disabled=False)]
    seen: list[bool] = []
    missed: list[bool] = []
    turn = beside.Turn(controls, missed.append)

    def fails() -> None:
        seen.extend(c.disabled for c in controls)
        raise HomelabError("no")

    with pytest.raises(HomelabError):
        turn.take(fails)
    assert seen == [True, True]
    assert all(c.disabled for c in controls), "a click that was made before the browser knew is still to come"
    turn.take(lambda: seen.append(False))
    later.pop()()
    assert (seen, missed) == ([True, True], [True])
    assert not any(c.disabled for c in controls)
    turn.take(lambda: seen.append(False))
    later.pop()()
    assert (seen, missed) == ([True, True, False], [True, False])


def test_only_the_newest_draws() -> None:
    drawn: list[object] = []
    released = []

    def slow():
        yield "first"
        until(lambda: bool(released), lambda go: go, "the newer one", 10)
        yield "too late"

    rounds = Rounds("test", drawn.append, drawn.append)
    rounds.begin(slow())
    older = rounds.thread
    assert drawn == ["first"], "at once"
    rounds.begin(iter(["second", "third"]))
    rounds.thread.join(10)
    released.append(True)
    older.join(10)
    assert drawn == ["first", "second", "third"]


def test_a_cell_that_runs_again_silences_the_panel_of_before() -> None:
    drawn: list[object] = []
    released = []

    def slow():
        yield "first"
        until(lambda: bool(released), lambda go: go, "the newer panel", 10)
        yield "too late"

    before = Rounds("test", drawn.append, drawn.append)
    before.begin(slow())
    Rounds("test", drawn.append, drawn.append)
    released.append(True)
    before.thread.join(10)
    assert drawn == ["first"]


def test_a_lab_that_goes_away_is_told() -> None:
    told: list[object] = []

    def gone():
        yield "first"
        raise HomelabError("the lab went away")

    rounds = Rounds("test", lambda thing: None, told.append)
    rounds.begin(gone())
    rounds.thread.join(10)
    assert "the lab went away" in str(told[-1])
