"""On paper every page is light, whatever the desktop of who prints it: ink of a dark page is not read on white."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homelab.runner import cheat_sheet, notebook_page, portrait_page, report
from homelab.runner.results import Results

HERE = Path(report.__file__).parent
DARK = re.compile(r"@media ([^{]*prefers-color-scheme: dark[^{]*)\{")


def pages() -> dict[str, str]:
    """The styles of the pages that people print."""
    cell = {"cell_type": "code", "metadata": {}, "source": "print(1)", "outputs": []}
    empty = Results("r", "lab", "lab", True, [])
    return {
        "report": report.page(empty, {}),
        "notebook": notebook_page.page({"cells": [cell]}, "00_welcome"),
        "cheat sheet": cheat_sheet.page(empty),
        "portrait": "".join(path.read_text(encoding="utf-8") for path in portrait_page.STYLES),
        "first page": (HERE / "first_page.css").read_text(encoding="utf-8"),
    }


@pytest.mark.parametrize(("name", "page"), pages().items())
def test_dark_is_for_screens_only(name: str, page: str) -> None:
    media = DARK.findall(page)
    assert media, f"{name} follows no dark desktop"
    assert all(words.startswith("screen and ") for words in media), media


@pytest.mark.parametrize("name", ["report", "notebook", "cheat sheet", "portrait"])
def test_colours_that_choose_for_themselves_choose_light(name: str) -> None:
    on_paper = pages()[name].split("@media print")[1:]
    assert any("color-scheme: light" in part for part in on_paper)
