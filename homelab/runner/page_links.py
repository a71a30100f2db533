"""Links between the pages of a run: a chapter's notebook becomes its page here, and the glossary comes along."""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape
from pathlib import Path

import mistune

from homelab.runner.report import POLICY, STYLE

GLOSSARY = "glossary.html"
_TEXT = Path(__file__).resolve().parents[2] / "notebooks" / "glossary.md"
_OWN_STYLE = Path(__file__).with_name("notebook.css")
_LINK = re.compile(r'<a href="(?:(\d\d_\w+)\.ipynb|(glossary)\.md)">(.*?)</a>', re.DOTALL)
_TERM = re.compile(r"<tr>\s*<td><strong>(.*?)</strong>")


def within(html: str, there: Collection[str]) -> str:
    """`html` with its links to notebooks and to the glossary leading to the pages beside it.

    To a stage that is not `there` (their names, such as ``03_enrollment``) nothing leads: its words stay.
    """

    def page(found: re.Match[str]) -> str:
        stage, glossary, words = found.groups()
        target = GLOSSARY if glossary else f"{stage}.html" if stage in there else ""
        return f'<a href="{target}">{words}</a>' if target else str(words)

    return _LINK.sub(page, html)


def glossary(there: Collection[str]) -> str:
    """The glossary as a page, each term to be linked to by its name."""
    body = str(mistune.create_markdown(plugins=["table"])(_TEXT.read_text(encoding="utf-8")))
    body = _TERM.sub(lambda m: f'<tr id="{escape(m[1]).replace(" ", "-")}"><td><strong>{m[1]}</strong>', body)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Glossary</title>
<style>
{STYLE.read_text(encoding="utf-8")}{_OWN_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<p class="back"><a href="report.html">The report</a></p>
<article><div class="prose">
{within(body, there)}</div></article>
</body>
</html>
"""
