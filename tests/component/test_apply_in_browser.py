"""Apply and Undo as a learner presses them, in a real browser; what has changed is asked of the live world."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from browser import Notebook, browser, needs_chromium
from test_open import CHECKOUT, address, opened

from homelab.plan import Plan, State, matches, resource
from homelab.stages import exit_node as chapter
from homelab.wait import until
from homelab.world import World

pytestmark = [pytest.mark.lab, needs_chromium]
PANEL = "apply_and_undo(world, plan)"
BEFORE_IT = (
    'params = "lab" ',
    "from homelab.stages import exit_node",
    "world = open_world(",
    "plan = chapter.plan(",
)
THE_SAME = """from homelab.stages import exit_node as theirs
from homelab.panels.apply import apply_and_undo
from homelab.world import open_world
world = open_world("lab")
apply_and_undo(world, theirs.plan(world, theirs.Params()))"""
FIRST_OUTPUT = """cell => {
    cell.addEventListener('click', event => event.target.closest('button') && (cell.clicked = performance.now()), true);
    new MutationObserver(() => { cell.answered ??= performance.now(); }).observe(
        cell.querySelector('.jp-OutputArea'), {subtree: true, childList: true, characterData: true});
}"""
PROMISED, BUSY = 300, 1500  # ms; the latter for a machine on which all else runs too


@pytest.fixture(scope="module")
def jupyterlab(world, tmp_path_factory) -> Iterator[str]:
    """The address of chapter 06 in a JupyterLab on this file's lab."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        with opened("06") as said:
            yield address(said)


@pytest.fixture
def plan(world: World) -> Iterator[Plan]:
    """What the chapter wants of a world in which nothing of it is made, and is made after the test."""
    wanted = chapter.plan(world, chapter.Params())
    yield wanted
    world.apply(wanted.inverse())


def states(world: World, plan: Plan) -> list[State]:
    return [resource(c.resource).read(world.place(c.machine), c.name) for c in plan]


def is_made(world: World, plan: Plan) -> bool:
    return all(matches(now, c.after) for now, c in zip(states(world, plan), plan, strict=True))


def is_as_before(world: World, plan: Plan) -> bool:
    return all(matches(now, c.before) for now, c in zip(states(world, plan), plan, strict=True))


def panel(page, jupyterlab: str):
    """The notebook up to its panel, and the cell that has it."""
    page.goto(jupyterlab)
    notebook = Notebook(page)
    for words in BEFORE_IT:
        notebook.run(words)
    notebook.run(PANEL)
    return notebook, notebook.cell(PANEL)


def test_apply_changes_the_world_and_undo_brings_it_back(world, plan, jupyterlab, tmp_path) -> None:
    assert len(plan) == 5
    with browser(tmp_path) as page:
        notebook, cell = panel(page, jupyterlab)
        assert "None of 5 changes is made. Apply does this:" in notebook.shows(cell)
        cell.evaluate(FIRST_OUTPUT)
        cell.get_by_role("button", name="Apply").click()
        cell.get_by_text("All 5 changes are made.").wait_for()
        assert is_made(world, plan)
        said = notebook.shows(cell)
        for change in plan:
            assert change.command.splitlines()[0] in said
        assert said.count("✓ applied  on") == 5
        took = cell.evaluate("cell => cell.answered - cell.clicked")
        print(f"first output {took:.0f} ms after the click ({PROMISED} are promised)")
        assert took < BUSY
        undo = cell.get_by_role("button", name="Undo", disabled=False)
        undo.click()
        cell.get_by_text("None of 5 changes is made.").wait_for()
        assert is_as_before(world, plan)


@pytest.mark.nightly
def test_two_clicks_at_once_are_one_and_a_second_finds_nothing_left(
    world, plan, jupyterlab, tmp_path
) -> None:
    with browser(tmp_path) as page:
        notebook, cell = panel(page, jupyterlab)
        cell.get_by_role("button", name="Apply").dblclick()
        cell.get_by_text("All 5 changes are made.").wait_for()
        cell.get_by_role("button", name="Apply", disabled=False).wait_for()
        assert notebook.shows(cell).count("✓ applied  on") == 5, "the second has not wiped away what was done"
        made = len(world.journal.entries())
        cell.get_by_role("button", name="Apply", disabled=False).click()
        cell.get_by_text("Nothing is left to apply.").wait_for()
        assert len(world.journal.entries()) == made


@pytest.mark.nightly
def test_a_browser_that_is_closed_during_apply_loses_nothing(world, plan, jupyterlab, tmp_path) -> None:
    with browser(tmp_path) as page:
        _, cell = panel(page, jupyterlab)
        cell.get_by_role("button", name="Apply").click()
        cell.get_by_text("Applying 5 changes").wait_for()
    assert not is_made(world, plan), "it was closed too late to prove anything"
    until(lambda: is_made(world, plan), bool, "the kernel to go on alone", 60)
    with browser(tmp_path) as page:
        page.goto(jupyterlab)
        assert "All 5 changes are made. Undo does this:" in Notebook(page).run(PANEL)


@pytest.mark.nightly
def test_a_page_that_is_loaded_anew_during_apply_says_that_it_may_be_old(
    world, plan, jupyterlab, tmp_path
) -> None:
    with browser(tmp_path) as page:
        _, cell = panel(page, jupyterlab)
        page.keyboard.press("Control+s")
        cell.get_by_role("button", name="Apply").click()
        cell.get_by_text("Applying 5 changes").wait_for()
        page.reload()
        notebook = Notebook(page)
        notebook.cell(PANEL).get_by_text("This page was loaded anew").first.wait_for()
        until(lambda: is_made(world, plan), bool, "the kernel to go on", 60)
        assert "All 5 changes are made. Undo does this:" in notebook.run(PANEL)
        assert not notebook.cell(PANEL).get_by_text("This page was loaded anew").first.is_visible()


@pytest.mark.nightly
def test_two_notebooks_in_two_tabs_that_apply_at_once_double_nothing(
    world, plan, jupyterlab, tmp_path
) -> None:
    with browser(tmp_path) as page:
        _, here = panel(page, jupyterlab)
        tab = page.context.new_page()
        tab.goto(jupyterlab.replace("06_exit_node", "07_subnet_router"))  # a kernel of its own
        other = Notebook(tab)
        there = other.write(THE_SAME)
        other.run(THE_SAME.splitlines()[0])
        for cell in (here, there):
            cell.get_by_role("button", name="Apply", disabled=False).click()
        for cell in (there, here):
            cell.get_by_text("All 5 changes are made.").wait_for()
        assert is_made(world, plan)
        made = [(c.machine, c.why) for c in world.journal.way_back()]
        assert len(made) == len(set(made)) == 5


@pytest.mark.nightly
def test_a_home_needs_a_tick_and_is_taken_back_on_the_command_line_too(jupyterlab, tmp_path) -> None:
    home, file = tmp_path / "home.yaml", tmp_path / "letter.txt"
    home.write_text("world: letters\nmachines: {here: {via: local}}\n")
    code = f"""\
from homelab.panels.apply import apply_and_undo
from homelab.plan import change, plan
from homelab.resources.file import State
from homelab.world import open_world
letters = open_world({str(home)!r})
apply_and_undo(letters, plan("letters", change("here", "file", State({str(file)!r}, None), State({str(file)!r}, "Dear", 0o644), "write", name={str(file)!r})))"""
    with browser(tmp_path) as page:
        page.goto(jupyterlab)
        notebook = Notebook(page)
        cell = notebook.write(code)
        notebook.run("letters = open_world")
        apply = cell.get_by_role("button", name="Apply")
        assert apply.is_disabled()
        cell.get_by_label("I have read it").check()
        cell.get_by_role("button", name="Apply", disabled=False).click()
        cell.get_by_text("The change is made.").wait_for()
        assert file.read_text() == "Dear"
    undo = [sys.executable, "-m", "homelab", "undo", "latest-session", "--apply"]
    subprocess.run(undo, cwd=CHECKOUT, check=True, timeout=90)
    assert not file.exists()
