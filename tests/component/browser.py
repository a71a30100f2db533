"""JupyterLab in a real browser, for tests: open a page of it, run a cell by its words, read what it shows.

Nothing that a test does there is kept: what JupyterLab would save, notebooks and its layout, is answered and not written.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

CHROMIUM = Path("/usr/bin/chromium")
needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="no Chromium here; to have it: sudo apt-get install chromium"
)
SECONDS = 90.0  # that a busy machine gets for what takes one or two
IDLE = ".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status=idle]"
# A run shows as a prompt that becomes a star: counted, for it may be gone before we look.
COUNT_RUNS = """cell => cell.runs ??= (cell.starts = 0, new MutationObserver(() => {
    cell.starts += cell.querySelector('.jp-InputPrompt')?.textContent.includes('*') ? 1 : 0;
}).observe(cell, {subtree: true, childList: true, characterData: true}), true)"""


@contextlib.contextmanager
def browser(pictures: Path, theme: Literal["light", "dark"] = "light") -> Iterator[Page]:
    """A page of Chromium; where the test fails, `pictures` gets a screenshot of what it showed last."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        sandbox = [] if os.getuid() else ["--no-sandbox"]  # Chromium gives root none
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
        context.set_default_timeout(SECONDS * 1000)
        page = context.new_page()
        context.route("**/api/contents/**", functools.partial(_saves_in_memory, {}))
        context.route("**/lab/api/workspaces/**", _remembers_nothing)
        try:
            yield page
        except BaseException:
            if not page.is_closed():
                page.screenshot(path=pictures / "failed.png")
            raise
        finally:
            chromium.close()


def _saves_in_memory(saved: dict[str, Any], route: Route) -> None:
    """What this page has saved it finds again when it is loaded anew; no file changes."""
    at, _, asked = route.request.url.partition("?")
    if route.request.method in ("PUT", "PATCH"):
        saved[at] = route.request.post_data_json["content"]
        route.fulfill(response=route.fetch(method="GET", url=f"{at}?content=0", post_data=""))
    elif route.request.method == "GET" and at in saved and "content=0" not in asked:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "content": saved[at]})
    else:
        route.continue_()


def _remembers_nothing(route: Route) -> None:
    if route.request.method == "GET":
        name = urlsplit(route.request.url).path.rsplit("/", 1)[-1]
        route.fulfill(
            status=200,
            content_type="application/json",
            body=json.dumps({"data": {}, "metadata": {"id": name}}),
        )
    else:
        route.fulfill(status=204)


class Notebook:
    """The notebook that `page` shows, once its kernel is ready."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wait_idle()

    def wait_idle(self) -> None:
        """Return when its kernel has nothing to do."""
        self.page.locator(IDLE).wait_for(state="attached")

    def cell(self, words: str) -> Locator:
        """The code cell whose source has these words."""
        return self.page.locator(".jp-Notebook:visible .jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea .cm-content", has_text=words)
        )

    def start(self, words: str) -> Locator:
        """Run the cell with these words, as a reader does: click into it, Ctrl-Enter; it has begun when we return."""
        cell = self.cell(words)
        cell.scroll_into_view_if_needed()
        cell.evaluate(COUNT_RUNS)
        before = cell.evaluate("cell => cell.starts")
        for _ in range(10):  # the page moves under the mouse while it still draws cells
            cell.locator(".cm-line").first.click()
            if not cell.evaluate("cell => cell.contains(document.activeElement)"):
                continue
            self.page.keyboard.press("Control+Enter")
            with contextlib.suppress(browser_timeout()):
                self.page.wait_for_function(
                    "([cell, n]) => cell.starts > n", arg=[cell.element_handle(), before], timeout=3000
                )
                return cell
        raise AssertionError(f"the cell with {words!r} does not start")

    def run(self, words: str) -> str:
        """Run the cell with these words to its end; what it shows then."""
        cell = self.start(words)
        self.done(cell)
        return self.shows(cell)

    def write(self, code: str) -> Locator:
        """Add a cell with `code` under the first one, as a reader does: Escape, B, Enter."""
        self.cell("").first.locator(".cm-line").first.click()
        for key in ("Escape", "b", "Enter"):
            self.page.keyboard.press(key)
        self.page.keyboard.insert_text(code)
        return self.cell(code.splitlines()[0])

    def done(self, cell: Locator) -> None:
        """Return when `cell` runs no longer, and the kernel is idle."""
        cell.locator(".jp-InputPrompt", has_text="*").wait_for(state="detached")
        self.wait_idle()

    def shows(self, cell: Locator) -> str:
        """The text of the outputs of `cell`, as one reads it."""
        outputs = cell.locator(".jp-OutputArea")
        texts = [outputs.nth(n).inner_text() for n in range(outputs.count())]
        return "\n".join(texts).replace("\xa0", " ")


def browser_timeout() -> Any:
    """What Playwright raises where something does not come in time."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    return PlaywrightTimeout
