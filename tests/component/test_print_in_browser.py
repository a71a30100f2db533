"""Pages on paper, by Chromium: code is read, tables are whole, also where the desktop is dark."""

from __future__ import annotations

import pytest
from browser import browser, needs_chromium

from homelab.runner import notebook_page, report
from homelab.runner.records import Columns
from homelab.runner.results import Results, StageResult

pytestmark = [pytest.mark.nightly, needs_chromium]

A4 = {"width": 680, "height": 1000}  # its 21 cm less margins, in the pixels of CSS
LIGHTEST = """all => Math.max(...all.map(one => {
    const [red, green, blue] = getComputedStyle(one).color.match(/[0-9.]+/g).map(Number);
    return .21 * red + .72 * green + .07 * blue; }))"""
WIDE = (
    "demoserver",
    "alice@example.com",
    "100.102.114.185",
    "linux",
    "1.102.5-homelab",
    "yes",
    "180 days left",
)


def test_code_is_dark_ink_on_paper(tmp_path) -> None:
    cell = {
        "cell_type": "code",
        "metadata": {},
        "source": "world = open_world('lab')  # the lab",
        "outputs": [],
    }
    with browser(tmp_path, "dark") as page:
        page.set_content(notebook_page.page({"cells": [cell]}, "00_welcome"))
        code = page.locator("pre.code, pre.code span")
        assert code.evaluate_all(LIGHTEST) > 200, "on the screen it is light ink on dark paper"
        page.emulate_media(media="print")
        assert code.evaluate_all(LIGHTEST) < 160


def test_a_wide_table_is_whole(tmp_path) -> None:
    head = ("device", "belongs to", "address", "system", "client", "connected", "key")
    stage = StageResult("03_enrollment", "ok", 1.0, "Bring them together", "", "03_enrollment.ipynb")
    seen = {"03_enrollment": [Columns(head, (WIDE,), "Where we are")]}
    with browser(tmp_path) as page:
        page.set_viewport_size(A4)
        page.emulate_media(media="print")
        page.set_content(report.page(Results("r", "lab", "lab", True, [stage]), seen))
        ends, room = page.locator("td").last.evaluate(
            "cell => [cell.getBoundingClientRect().right, cell.closest('.table').getBoundingClientRect().right]"
        )
        assert ends <= room
