"""A drawing as HTML keeps what it says: its strokes, its words, and its lines."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from homelab.pictures.embedded import DARK, drawing, embedded
from homelab.pictures.photograph import Photograph

SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="9pt" viewBox="0 0 9 9">
 <style>text { fill: #0a6aa8 }</style>
 <text x="1">it's 100% "quick" &amp; &lt;small&gt;</text>
</svg>"""
WORDS = """phone -> "tequila" & back: <5 ms
it's 100%"""


class Images(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        assert tag == "img"
        self.found.append(dict(attrs))


@pytest.mark.parametrize("follows", [True, False])
def test_a_browser_finds_the_drawing_and_its_words_in_it(follows) -> None:
    (image,) = Images(embedded(SVG, WORDS, follows)).found
    assert image["alt"] == WORDS
    assert "max-width:100%" in str(image["style"])
    kind, _, data = str(image["src"]).partition(",")
    assert kind == "data:image/svg+xml"
    assert "#" not in data, "the rest would be a fragment"
    seen = unquote(
        data.replace("\n", "")
    )  # as browsers do: https://url.spec.whatwg.org/#concept-basic-url-parser
    ET.fromstring(seen)
    assert seen.replace(DARK, "") == SVG
    assert (DARK in seen) == follows


@pytest.mark.parametrize("follows", [True, False])
def test_what_was_embedded_is_found_again(follows) -> None:
    assert drawing(embedded(SVG, WORDS, follows)) == (SVG, WORDS)


def test_other_html_is_no_drawing() -> None:
    for html in ("\n", "<b>ok</b>", '<img alt="a photo" src="data:image/png;base64,AA">'):
        assert drawing(html) is None
        assert drawing(html + embedded(SVG, WORDS)) is None


def test_a_changed_word_is_one_changed_line() -> None:
    old, new = (embedded(SVG.replace("quick", word), WORDS).splitlines() for word in ("quick", "slow"))
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 1


def test_a_photograph_has_words() -> None:
    bundle = Photograph(b"\xff\xd8", 'an "evening" at the sea', 320)._repr_mimebundle_()
    (image,) = Images(bundle["text/html"]).found
    assert bundle["text/plain"] == image["alt"] == 'an "evening" at the sea'
    assert image["src"] == "data:image/jpeg;base64,/9g="
