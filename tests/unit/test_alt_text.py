"""Every picture of the notebooks says in words what it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from homelab import stages
from homelab.runner.records import plain_text

MARKDOWN = re.compile(r"!\[([^\]]*)\]\([^)]*\)")


class Pictures(HTMLParser):
    """The pictures of a piece of HTML: a word for each, empty where it has none."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._depth = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        about = dict(attrs)
        if tag == "img":
            self.found.append(about.get("alt") or "")
        elif tag in ("video", "canvas", "object", "embed"):
            self.found.append(about.get("aria-label") or "")
        elif tag == "svg" and about.get("aria-hidden") != "true":
            self.found.append(about.get("aria-label", "") if about.get("role") == "img" else "")


def pictures(notebook: dict) -> Iterator[str]:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            source = plain_text(cell["source"])
            yield from MARKDOWN.findall(source)
            yield from Pictures(source).found
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            html = plain_text(data.get("text/html", ""))
            yield from Pictures(html).found
            if not html and any(mime.startswith("image/") for mime in data):
                yield ""  # neither JupyterLab nor nbconvert gives such an image words: see `pictures.embedded`


@pytest.mark.parametrize("stage", stages.names())
def test_each_picture_has_words(stage) -> None:
    words = list(pictures(json.loads(stages.notebook(stage).read_text(encoding="utf-8"))))
    assert words or stage.startswith("01"), "a chapter has pictures"
    assert all(len(word.split()) > 1 for word in words), words


@pytest.mark.parametrize(
    "html", ['<img src="data:,">', '<img alt="" src="data:,">', "<svg></svg>", '<svg role="img"></svg>']
)
def test_a_picture_without_words_is_noticed(html) -> None:
    shown = {"output_type": "display_data", "data": {"text/html": [html]}}
    assert list(pictures({"cells": [{"cell_type": "code", "outputs": [shown]}]})) == [""]
