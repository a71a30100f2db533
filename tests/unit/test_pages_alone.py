"""The pages of a whole run are files that one may carry away: small, and nothing in them asks a network."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from homelab import stages
from homelab.runner import notebook_page, records, report
from homelab.runner.results import Results, StageResult

MIB = 2**20
ASKS = ("src", "srcset", "data", "poster", "action", "background", "xlink:href")
IN_STYLE = re.compile(r"@import|url\(\s*['\"]?(?!data:|#)([^)'\"]*)", re.IGNORECASE)


class Asked(HTMLParser):
    """What a browser would ask of anybody to show a page; `links` are what a reader may click."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.links: list[str] = []
        self._style = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self._style = tag == "style"
        assert tag not in ("script", "iframe", "base"), tag
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value)
            elif name in ASKS or name == "href":
                self.asked += [value] if not value.startswith(("data:", "#")) else []
            elif name == "style":
                self.asked += IN_STYLE.findall(value)

    def handle_data(self, data: str) -> None:
        if self._style:
            self.asked += IN_STYLE.findall(data)


@pytest.fixture(scope="module")
def notebooks() -> dict[str, dict]:
    return {n: json.loads(stages.notebook(n).read_text(encoding="utf-8")) for n in stages.names()}


def test_the_report_of_all_stages(notebooks) -> None:
    done = [
        StageResult(n, "ok", 1.0, *records.title(b), f"{n}.ipynb", checks=records.checks(b), changes=records.changes(b))
        for n, b in notebooks.items()
    ]  # fmt: skip
    results = Results(run="r", world="lab", params="lab", apply=None, stages=done)
    results.finish()
    page = report.page(results, {name: records.seen(book) for name, book in notebooks.items()})
    assert page.count("<figure>") > len(notebooks)
    assert len(page.encode()) < 5 * MIB
    seen = Asked(page)
    assert seen.asked == []
    assert all(re.fullmatch(r"#\w+|\w+\.(html|ipynb|json)", link) for link in seen.links), seen.links


@pytest.mark.parametrize("stage", stages.names())
def test_the_page_of_a_notebook(notebooks, stage) -> None:
    assert Asked(notebook_page.page(notebooks[stage], stage)).asked == []


@pytest.mark.parametrize(
    "bad", ['<img src="http://a/">', '<link href="x.css">', "<style>@import 'x'</style>", '<p style="background:url(//a)">']
)  # fmt: skip
def test_what_asks_is_noticed(bad) -> None:
    assert Asked(bad).asked
