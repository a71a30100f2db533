"""Pages of a run lead to each other, and a word that is new to its explanation; nothing leads into the void."""

from __future__ import annotations

import json
import re

from homelab import stages
from homelab.runner import page_links
from homelab.runner.notebook_page import page

LINK = re.compile(r'<a href="([^":#]+)"')


def test_a_notebook_becomes_its_page_where_there_is_one() -> None:
    html = '<a href="03_enrollment.ipynb">names</a>, <a href="09_gpu_benchmarks.ipynb">a <b>card</b></a>, <a href="glossary.md">words</a>'
    assert page_links.within(html, ["03_enrollment"]) == (
        '<a href="03_enrollment.html">names</a>, a <b>card</b>, <a href="glossary.html">words</a>'
    )


def test_every_link_of_every_page_leads_to_a_file_of_the_run() -> None:
    there = ["00_welcome", "07_subnet_router"]
    written = {f"{n}.{end}" for n in there for end in ("html", "ipynb")} | {
        "report.html",
        page_links.GLOSSARY,
    }
    pages = [page(json.loads(stages.notebook(n).read_text()), n, there) for n in there]
    for html in (*pages, page_links.glossary(there)):
        assert set(LINK.findall(html)) <= written
    assert f'href="{page_links.GLOSSARY}"' in pages[0], "the first page says where words are explained"


def test_the_glossary_has_an_anchor_for_each_term() -> None:
    html = page_links.glossary(stages.names())
    assert '<tr id="exit-node"><td><strong>exit node</strong></td>' in html
    assert html.count('<tr id="') == html.count('.html">') - 1  # each leads to its chapter; one to the report
