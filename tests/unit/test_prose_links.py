"""What the prose points at is there: files beside it, a params file where the notebook looks, words in the glossary."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
PAGES = [*NOTEBOOKS, *sorted((CHECKOUT / "notebooks").glob("*.md")), CHECKOUT / "README.md"]


def prose(page: Path) -> str:
    if page.suffix == ".md":
        return page.read_text()
    cells = json.loads(page.read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_link_to_a_file_leads_to_one(page) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#\s]+)", prose(page)):
        assert (page.parent / target).is_file(), target


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_params_file_is_named_as_seen_from_the_notebook(notebook) -> None:
    """A kernel runs in the notebook's folder: `params/home.yaml` would not be found there."""
    for named in re.findall(r'`params = "([^"]+\.yaml)"`', prose(notebook)):
        assert (notebook.parent / named).resolve().parent == CHECKOUT / "params", named


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_says_at_its_head_where_words_are_explained(notebook) -> None:
    assert "](glossary.md)" in "".join(json.loads(notebook.read_text())["cells"][0]["source"])
