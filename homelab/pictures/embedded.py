"""A drawing as an image in HTML: it fits the page, says in words what it shows, and follows a dark page.

JupyterLab and nbconvert make an image without words, and of a fixed width, of an SVG output; before a notebook is
trusted JupyterLab shows only its text, and GitHub paints inlined SVG black. An image in HTML has none of that:
https://github.com/jupyterlab/jupyterlab/issues/10464, https://github.com/jupyter/nbviewer/issues/1037.
"""

from __future__ import annotations

import re
from html import escape, unescape
from urllib.parse import unquote

# Turned over and its hues turned back: white paper becomes nearly black, and blue stays blue. In an image such a rule asks for
# the colours of the page around it: https://drafts.csswg.org/css-color-adjust/#color-scheme-effect
DARK = "<style>@media screen and (prefers-color-scheme:dark){:root{filter:invert(.93) hue-rotate(180deg)}}</style>"
# Lines stay lines, so that a changed word of a drawing is a changed line of a notebook: in an address, browsers skip newlines.
ESCAPED = {"%": "%25", "#": "%23", "'": "%27", "<": "%3C", "&": "%26", "\n": "%0A\n"}
_START, _MIDDLE, _END = '<img alt="', '" style="max-width:100%;height:auto" src=\'data:image/svg+xml,', "'>"
_EMBEDDED = re.compile(f"{re.escape(_START)}([^\"]*){re.escape(_MIDDLE)}([^']*){re.escape(_END)}")


def embedded(svg: str, alternative: str, follows: bool = True) -> str:
    """The HTML of the drawing `svg`, which says `alternative` where it is not seen.

    Where it `follows` a page in dark colours, its own are turned over there.
    """
    if follows:
        start, inside = svg.split(">", 1)
        svg = f"{start}>{DARK}{inside}"
    data = "".join(ESCAPED.get(letter, letter) for letter in svg.strip())
    return f"{_START}{escape(alternative)}{_MIDDLE}{data}{_END}"


def drawing(html: str) -> tuple[str, str] | None:
    """The drawing in the HTML of `embedded`, and its words; nothing where it is other HTML."""
    found = _EMBEDDED.fullmatch(html) if html.startswith(_START) else None
    if not found:
        return None
    return unquote(found[2].replace("\n", "")).replace(DARK, "", 1), unescape(found[1])
