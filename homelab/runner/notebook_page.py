"""An executed notebook as a page to read, which loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import mistune
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers.python import Python3Lexer  # type: ignore[import-untyped]

from homelab.pictures.embedded import embedded
from homelab.runner.page_links import within
from homelab.runner.records import plain_text, title
from homelab.runner.report import POLICY, STYLE
from homelab.secret import mask

OWN_STYLE = Path(__file__).with_name("notebook.css")


def page(notebook: Mapping[str, Any], name: str, there: Collection[str] = ()) -> str:
    """The page of the notebook `name` (``03_enrollment``); no secret is in it. `there`: the stages that have pages too."""
    cells = within("\n".join(part for cell in notebook["cells"] for part in _cell(cell)), there)
    return mask(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title(notebook)[0] or name)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}{OWN_STYLE.read_text(encoding="utf-8")}{_colours()}</style>
</head>
<body>
<p class="back"><a href="report.html">The report</a> · executed · <a href="{escape(name)}.ipynb">{escape(name)}.ipynb</a></p>
<article>
{cells}
</article>
</body>
</html>
""")


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = plain_text(cell["source"])
    if cell["cell_type"] == "markdown":
        yield f'<div class="prose">{_markdown(source)}</div>'
    elif cell["cell_type"] == "code" and source.strip():
        injected = "injected-parameters" in cell["metadata"].get("tags", ())
        note = '<p class="note">given by this run</p>' if injected else ""
        code = highlight(source, Python3Lexer(), HtmlFormatter(nowrap=True))
        shown = "".join(_output(output) for output in cell.get("outputs", ()))
        yield f'{note}<div class="cell{" injected" if injected else ""}"><pre class="code">{code}</pre>{shown}</div>'


def _output(output: Mapping[str, Any]) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return f'<div class="output"><pre>{_printed(output["text"])}</pre></div>'
    if kind == "error":
        lines = output["traceback"] or [f"{output['ename']}: {output['evalue']}"]
        return f'<div class="output error"><pre>{_printed(chr(10).join(lines))}</pre></div>'
    return f'<div class="output">{_display(output["data"])}</div>'


def _display(data: Mapping[str, Any]) -> str:
    words = plain_text(data.get("text/plain", ""))
    if svg := data.get("image/svg+xml"):
        return embedded(plain_text(svg), words, follows=False)
    for mime in ("image/png", "image/jpeg"):
        if image := data.get(mime):
            return (
                f'<img alt="{escape(words)}" src="data:{mime};base64,{"".join(plain_text(image).split())}">'
            )
    if html := data.get("text/html"):
        return plain_text(html)
    if markdown := data.get("text/markdown"):
        return _markdown(plain_text(markdown))
    return f"<pre>{_printed(data.get('text/plain', ''))}</pre>"


def _printed(text: str | list[str]) -> str:
    return escape(plain_text(text))


@cache
def _renderer() -> mistune.Markdown:
    return mistune.create_markdown(escape=False, plugins=["table", "strikethrough", "url"])


def _markdown(source: str) -> str:
    return str(_renderer()(source))


@cache
def _colours() -> str:
    light, dark = (HtmlFormatter(style=s).get_style_defs("pre.code") for s in ("friendly", "github-dark"))
    kept = [
        "\n".join(line for line in style.splitlines() if line.startswith("pre.code ."))
        for style in (light, dark)
    ]
    return f"{kept[0]}\n@media screen and (prefers-color-scheme: dark) {{\n{kept[1]}\n}}\n"
