"""`./runbook open` as a learner meets it, in a real browser: the first page, a chapter, a cell, and what it shows."""

from __future__ import annotations

import pytest
from browser import Notebook, browser, needs_chromium
from test_open import START, address, opened

pytestmark = [pytest.mark.nightly, pytest.mark.lab, needs_chromium]


def test_a_learner_gets_from_the_first_page_to_what_a_cell_shows(world, tmp_path) -> None:
    with opened() as said, browser(tmp_path) as page:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address(said))
        page.locator("#go", has_text=START).wait_for()
        for state in page.locator("[data-stage] .state").all():
            state.filter(has_text="not yet").wait_for()
        page.locator("#go").click()
        notebook = Notebook(page)
        # Out of order, as people do: it says which cell it needs.
        says = notebook.run("welcome.machines(world)")
        assert "This cell needs 'welcome', which code cell 2 makes" in says
        assert "Traceback" not in says
        notebook.run("break_link = ")
        assert "This is the lab" in notebook.run("world = open_world(")
        says = notebook.run("welcome.machines(world)")
        assert "phone" in says
        assert "This cell needs" not in says
    assert not errors
