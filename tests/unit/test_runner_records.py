"""What an executed notebook says about itself."""

from __future__ import annotations

from typing import Any

from tiny import cell

from homelab.person import Asked
from homelab.pictures.tables import Table
from homelab.runner import records
from homelab.secret import conceal


def shown(**record: Any) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {records.MIME: {"v": 1, **record}, "text/plain": ""},
    }


def error(name: str, value: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": []}


def book(*outputs: list[dict[str, Any]], tags: tuple[str, ...] = ()) -> dict[str, Any]:
    cells = [cell("markdown", "# Do *this* [now](http://x)\n\nWhat you'll do: `it`.\n\n## Prove it ##")]
    for some in outputs:
        cells.append(cell("code", "x", tags=list(tags)) | {"outputs": some})
    return {"cells": cells}


CHANGE = {"machine": "m", "resource": "r", "why": "w", "command": "c", "loses": None}


def test_checks_in_order_and_strangers_left_out() -> None:
    notebook = book(
        [shown(kind="check", name="a", status="ok"), shown(kind="check", name="b", status="fail", extra=1)],
        [shown(kind="check", name="c", v=2), {"output_type": "stream", "text": "x"}, shown(kind="other")],
    )
    assert [(c["name"], c["status"]) for c in records.checks(notebook)] == [("a", "ok"), ("b", "fail")]
    assert set(records.checks(notebook)[0]) == {"name", "vantage", "status", "evidence", "hint"}


def test_outcomes_count_and_shown_plans_do_not() -> None:
    way_back = shown(kind="plan", changes=[{**CHANGE, "why": "back", "outcome": "planned"}])
    notebook = book([shown(kind="outcome", **CHANGE, outcome="applied", seconds=1.5)], [way_back])
    assert [c["outcome"] for c in records.changes(notebook)] == ["applied"]
    assert records.planned(notebook) == []


def test_a_plan_shows_what_a_broken_stage_wanted() -> None:
    plan = shown(kind="plan", changes=[{**CHANGE, "outcome": "planned"}])
    broken = book([plan], [error("CheckFailed", "no")])
    assert records.changes(broken)[0]["why"] == "w"
    assert records.planned(broken) == []
    assert records.changes(book([plan])) == [], "a stage that went well has only shown what could be"


def test_what_a_person_is_asked_is_a_record() -> None:
    asked = Asked("Open this address:\n\n    https://login.example/a/1\n")
    assert records.asked(book([shown(**asked.record())])) == [asked.what]
    assert '<a href="https://login.example/a/1">' in asked.html()


def test_planned_outcomes_are_drift() -> None:
    (waits,) = records.planned(book([shown(kind="outcome", **CHANGE, outcome="planned")]))
    assert waits["why"] == CHANGE["why"]


def test_the_error_with_its_hint_and_cell() -> None:
    notebook = book([], [error("WaitTimeout", "phone: waited 5 s\nlast: no\nHint: look")])
    assert records.error(notebook) == {
        "type": "WaitTimeout", "what": "phone: waited 5 s\nlast: no", "hint": "look", "cell": 2,
    }  # fmt: skip


def test_errors_that_are_meant() -> None:
    assert records.error(book([error("ValueError", "shown on purpose")], tags=("raises-exception",))) is None
    assert records.error(book([error("SystemExit", "0")])) is None
    assert records.error(book([error("SystemExit", "4")])) is not None


def test_title_headings_and_cells() -> None:
    notebook = book([], [])
    assert records.title(notebook) == ("Do this now", "What you'll do: it.")
    assert records.under(notebook, 2) == "Prove it"
    assert records.code_cells(notebook) == 2
    assert records.title({"cells": []}) == ("", "")


def test_pictures_prefer_drawings_and_know_their_heading() -> None:
    data = {"image/png": "AAAA", "image/svg+xml": ["<svg>", "</svg>"]}
    notebook = book([{"output_type": "display_data", "metadata": {}, "data": data}])
    assert records.seen(notebook) == [records.Picture("image/svg+xml", "<svg></svg>", "Prove it")]


def test_tables_are_seen_too_and_what_comes_after_a_waiting_change_was_seen_by_nobody() -> None:
    table = Table(("when", "bytes"), (("before", "7"),))._repr_mimebundle_()
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": "<svg/>"}}
    waits = shown(kind="outcome", **CHANGE, outcome="planned")
    shows = {"output_type": "execute_result", "metadata": {}, "data": table}
    found = records.seen(book([shows, picture], [waits], [shows], [picture]))
    assert found[0] == records.Columns(("when", "bytes"), (("before", "7"),), "Prove it")
    assert [one.waits for one in found] == [False, False, True, True]
    applied = shown(kind="outcome", **CHANGE, outcome="applied")
    assert not records.seen(book([applied], [picture]))[0].waits


def test_a_table_without_rows_is_nothing_to_see_and_one_with_secrets_shows_none() -> None:
    assert records.MIME not in Table(("a",), ())._repr_mimebundle_()
    conceal("word-in-a-table")
    assert "word-in-a-table" not in str(
        Table(("a",), (("word-in-a-table",),))._repr_mimebundle_()[records.MIME]
    )
