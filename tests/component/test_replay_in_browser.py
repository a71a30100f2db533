"""The player of recorded sessions, every control of it pressed in a real browser: it shows what was recorded."""

from __future__ import annotations

import contextlib
import time

import pytest
from browser import Notebook, browser, needs_chromium
from test_open import address, opened

from homelab.checks import panel as panels
from homelab.resources import recorder
from homelab.stages import audited_ssh

pytestmark = [pytest.mark.nightly, pytest.mark.lab, needs_chromium]
WISH = audited_ssh.Params()
BEFORE_IT = (
    'params = "lab" ',
    "from homelab.panels import ssh_replay",
    "world = open_world(",
    "phone, here = ",
    "typed = audited_ssh.at_the_keyboard(",
)
PLAY, STOP, REPEAT = (f"button:has(.fa-{name})" for name in ("play", "stop", "retweet"))
PAPER = "screen => `${getComputedStyle(screen).backgroundColor} ${getComputedStyle(screen).filter}`"
PAUSE = "button:has(.fa-pause)"
FIRST, LAST = "ubuntu", "logout"  # words of the session, as it begins and ends


@pytest.fixture(scope="module")
def recorded(world):
    """Chapter 08, applied."""
    world.apply(audited_ssh.plan(world, WISH))
    return world


class Player:
    """The player as one sees it."""

    def __init__(self, page, cell) -> None:
        self.page, self.cell = page, cell
        self.screen, self.slider = cell.locator(".terminal-then"), cell.get_by_role("slider")

    def press(self, button: str) -> None:
        self.cell.locator(button).click()

    def choose(self, label: str, option: str) -> None:
        self.cell.get_by_label(label).select_option(label=option)

    def shows(self, words: str) -> None:
        self.screen.filter(has_text=words).wait_for()

    @property
    def seconds(self) -> float:
        return float(self.slider.get_attribute("aria-valuenow"))

    def until(self, condition: str) -> float:
        """Wait until `condition` (JavaScript) holds for the time `t`; that time (s)."""
        wait = f"slider => {{ const t = Number(slider.getAttribute('aria-valuenow')); return ({condition}) && [t] }}"
        return self.page.wait_for_function(wait, arg=self.slider.element_handle()).json_value()[0]


@contextlib.contextmanager
def player(pictures):
    """The player of what a person has typed just now; a failure leaves a picture."""
    with opened("08") as said, browser(pictures, "dark") as page:
        page.goto(address(said))
        notebook = Notebook(page)
        for words in BEFORE_IT:
            notebook.run(words)
        cell = notebook.start("ssh_replay.panel(")
        notebook.done(cell)
        yield Player(page, cell)


def test_every_control_does_what_it_says(recorded, tmp_path) -> None:
    with player(tmp_path) as seen:
        cell, page = seen.cell, seen.page
        whole = cell.locator("img[alt*='28 letters']")  # the ordinary output: all of it, below the controls
        assert "/nowhere': No such file" in whole.get_attribute("alt")
        end = float(seen.slider.get_attribute("aria-valuemax"))
        assert (seen.seconds, seen.screen.inner_text().strip()) == (0.0, "")

        assert seen.screen.evaluate(PAPER) == "rgb(20, 20, 20) none", "as dark as the page"
        seen.press(PLAY)
        seen.shows(FIRST)
        seen.press(PAUSE)
        cell.locator(PLAY).wait_for()
        assert LAST not in seen.screen.inner_text(), "stopped on its way"
        assert 0 < seen.seconds < end
        seen.press(PLAY)
        seen.shows(LAST)
        assert "28 letters" in seen.screen.inner_text()
        seen.until(f"t >= {end}")

        seen.slider.focus()  # by the keyboard: back to the beginning, to the end, and to a moment between
        page.keyboard.press("Home")
        seen.until("t === 0")
        assert seen.screen.inner_text().strip() == ""
        page.keyboard.press("End")
        seen.shows(LAST)
        cell.locator(".widget-readout").click()
        page.keyboard.press("Control+A")
        page.keyboard.type("0.5")
        page.keyboard.press("Enter")
        seen.until("t === 0.5")
        seen.shows(FIRST)
        assert LAST not in seen.screen.inner_text(), "turned back"

        seen.press(STOP)
        seen.until("t === 0")
        assert seen.screen.inner_text().strip() == ""

        took = {}
        for speed in ("half", "five times"):
            seen.choose("Speed", speed)
            seen.press(STOP)
            seen.until("t === 0")
            start = time.monotonic()
            seen.press(PLAY)
            seen.until(f"t >= {end}")
            took[speed] = time.monotonic() - start
        print(f"{end} s are played in {took}")
        assert took["half"] > 1.6 * end
        assert took["five times"] < took["half"] / 2

        seen.press(REPEAT)
        seen.press(STOP)
        seen.press(PLAY)
        seen.until(f"t > {end / 2}")
        seen.until(f"t < {end / 2}")  # over again, by itself
        seen.press(STOP)

        options = cell.get_by_label("Session").locator("option").all_inner_texts()
        seen.choose("Session", options[-2])
        cell.locator("img[alt*='touch ~/.hushlogin']").wait_for()
        assert whole.count() == 0
        seen.choose("Session", options[-1])
        whole.wait_for()


def test_a_recorder_that_is_away_is_said_and_asked_again(recorded, tmp_path) -> None:
    with player(tmp_path) as seen:
        cell = seen.cell
        options = cell.get_by_label("Session").locator("option").all_inner_texts()
        recorded["recorder"].stop(recorder.DAEMON, 9)
        seen.choose("Session", options[-2])
        cell.get_by_text("the recorder").wait_for()
        assert cell.locator(".terminal-then").count() == 0
        recorded["recorder"].start(recorder.DAEMON)
        seen.choose("Session", options[-1])
        cell.locator("img[alt*='28 letters']").wait_for()


def test_the_chapter_is_taken_back_and_made_again_by_its_buttons_key_and_all(recorded, tmp_path) -> None:
    with opened("08") as said, browser(tmp_path) as page:
        page.goto(address(said))
        notebook = Notebook(page)
        for words in (*BEFORE_IT[:-1], "plan = audited_ssh.plan("):
            notebook.run(words)
        panel = "apply_and_undo(world, plan, "
        notebook.run(panel)
        cell = notebook.cell(panel)
        cell.get_by_text("changes are made. Undo does this:").wait_for()
        assert "You lose your last shells by Tailscale SSH" in notebook.shows(cell)
        cell.get_by_role("button", name="Undo", disabled=False).click()
        cell.get_by_text("None of 10 changes is made.").wait_for()
        assert "recorder" not in panels.devices(recorded.tailnet)
        assert not recorder.read(recorded["recorder"]).running
        cell.get_by_role("button", name="Apply", disabled=False).click()
        cell.get_by_text("the journal keeps no keys").wait_for()  # the plan was another kernel's
        notebook.run("plan = audited_ssh.plan(")
        notebook.run(panel)
        cell.get_by_text("None of 10 changes is made.").wait_for()
        cell.get_by_role("button", name="Apply", disabled=False).click()
        cell.get_by_text("All 10 changes are made.").wait_for()
        assert "recorder" in panels.devices(recorded.tailnet)
        assert not audited_ssh.plan(recorded, WISH)
