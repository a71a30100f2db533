"""The topology's switches and the menu of exit nodes, pressed in a real browser: the world has changed, the page says so."""

from __future__ import annotations

import pytest
from browser import Notebook, browser, browser_timeout, needs_chromium
from test_open import address, opened

from homelab import needs
from homelab.checks import exit_node as exits
from homelab.plan import plan as planned
from homelab.resources import link, prefs
from homelab.stages import exit_node as chapter
from homelab.wait import until

pytestmark = [pytest.mark.nightly, pytest.mark.lab, needs_chromium]


@pytest.fixture(scope="module")
def joined(world):
    """The nodes of 03, which 06 needs as well."""
    roles = ("phone", "tequila", "demoserver", "fooocus")
    world.apply(planned("test", needs.missing(world, [needs.joined(role) for role in roles])))
    return world


def test_a_click_turns_the_nat_and_the_way_bends_through_the_relay(joined, tmp_path) -> None:
    with opened("03_enrollment") as said, browser(tmp_path) as page:
        page.goto(address(said))
        notebook = Notebook(page)
        for words in ("params = ", "world = open_world(", "members = enrollment.members("):
            notebook.run(words)
        cell = notebook.start("topology.panel(")
        cell.locator("img[alt*='phone → tequila: direct']").wait_for()
        cell.get_by_label("NAT").select_option(label="a port for each")
        bent = "img[alt*='phone → tequila: by a relay'][alt*='phone → demoserver: direct']"
        until(lambda: looked(cell, bent), bool, "the way to tequila to bend, and no other", 90)
        assert link.read(joined["flat_router"]).nat == "symmetric"
        assert "./runbook lab link flat_router --network internet --nat symmetric" in notebook.shows(cell)
        cell.get_by_role("button", name="As it was").click()
        cell.locator("img[alt*='phone → tequila: direct']").wait_for()
        assert link.read(joined["flat_router"]).nat == "cone"


def test_a_choice_in_the_menu_changes_the_public_address(joined, tmp_path) -> None:
    joined.apply(chapter.plan(joined, chapter.Params()))
    assert exits.may_choose(joined["phone"], "tequila").status == "ok"
    with opened("06_exit_node") as said, browser(tmp_path) as page:
        page.goto(address(said))
        notebook = Notebook(page)
        for words in ("params = ", "from homelab.check import prove", "world = open_world("):
            notebook.run(words)
        cell = notebook.start("chooser.panel(")
        cell.get_by_text("203.0.113.20, which is flat_router").first.wait_for()
        cell.locator("select").select_option(label="tequila")
        cell.get_by_text("203.0.113.10, which is home_router").first.wait_for()
        assert prefs.read(joined["phone"]).exit_node == "tequila"
        page.reload()  # a closed browser loses nothing: the menu shows the world, once its cell runs again
        notebook = Notebook(page)
        cell = notebook.start("chooser.panel(")
        until(lambda: cell.locator("select").input_value(), lambda now: now, "the menu to know it", 30)
        cell.get_by_role("button", name="Look again").wait_for()
        cell.locator("select").select_option(label="(none)")
        cell.get_by_text("203.0.113.20, which is flat_router").first.wait_for()
        assert prefs.read(joined["phone"]).exit_node == ""


def looked(cell, picture: str) -> bool:
    """Whether `picture` is there; else it is measured again, as one does: on a busy machine a way is found late."""
    try:
        cell.locator(picture).wait_for(timeout=15_000)
    except browser_timeout():
        cell.get_by_role("button", name="Measure again", disabled=False).click()
        return False
    return True
