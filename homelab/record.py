"""What a notebook shows also carries a record, which the runner collects as it comes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from homelab.secret import mask

MIME = "application/vnd.homelab+json"
VERSION = 1
LONG = 20  # lines of a command
FOLD = 8  # lines of a command that ran: of more only their number is shown, and they unfold by a click
# A block of text as both JupyterLab and nbconvert show it: their own styles indent it differently, and break words anywhere.
BLOCK = "margin:.3em 0;white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere"
MARKS = {
    "ok": "✓", "applied": "✓", "warn": "!", "fail": "✗", "failed": "✗", "skip": "–",
    "planned": "○", "already": "=", "undone": "↶", "observed": "◦",
}  # fmt: skip
# On light paper and on dark; a page says which of them it is, as JupyterLab's themes do. Where a browser does not know
# how to choose, it leaves the words as they are: https://developer.mozilla.org/docs/Web/CSS/color_value/light-dark
_GOOD, _MIND, _BAD = (
    "light-dark(#1a7f4b,#5cc48f)",
    "light-dark(#9a6700,#dfae4a)",
    "light-dark(#c0362c,#f08a80)",
)
_QUIET, _PLAN = "light-dark(#656b73,#9aa0a6)", "light-dark(#2f5fb3,#8fb3f5)"
COLOURS = {
    "ok": _GOOD, "applied": _GOOD, "already": _GOOD, "warn": _MIND, "fail": _BAD, "failed": _BAD,
    "skip": _QUIET, "planned": _PLAN, "undone": _QUIET, "observed": _QUIET,
}  # fmt: skip


class Shown(Protocol):
    """What can be shown: as text, as HTML, and as a record."""

    def text(self) -> str:
        """For a terminal."""
        ...

    def html(self) -> str:
        """For a notebook and the report."""
        ...

    def record(self) -> dict[str, Any]:
        """For the runner; plain data with ``v`` and ``kind``."""
        ...


class Showing:
    """Mixed into what is shown: one object renders as text, HTML and record from the same data."""

    def __str__(self: Shown) -> str:
        return mask(self.text())

    def _repr_mimebundle_(self: Shown, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {
            "text/plain": mask(self.text()),
            "text/html": mask(self.html()),
            MIME: masked({"v": VERSION, **self.record()}),
        }


@dataclass(frozen=True)
class _Read:
    """What is read and not recorded."""

    words: str
    html: str

    def __str__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.words, "text/html": self.html}


_ear: ContextVar[Callable[[object], None] | None] = ContextVar("ear", default=None)


@contextmanager
def heard_by(ear: Callable[[object], None]) -> Iterator[None]:
    """What is shown meanwhile goes to `ear`: a control in JupyterLab has no output of its own, and shows it elsewhere."""
    token = _ear.set(ear)
    try:
        yield
    finally:
        _ear.reset(token)


def say(words: str) -> None:
    """Show a sentence. Printed, a notebook would break it in the middle of a word, and a control would lose it."""
    show(_Read(mask(words), mask(f"<div>{inline(words)}</div>")))


def show(thing: object) -> None:
    """Show `thing` where we run: rich in a notebook, text in a terminal; or let it be heard (`heard_by`)."""
    if ear := _ear.get():
        ear(thing)
        return
    if not _in_notebook():
        print(thing)
        return
    from IPython.display import display

    display(thing)  # type: ignore[no-untyped-call]


def _in_notebook() -> bool:
    """Whether a kernel runs this; IPython is large, and where nobody has loaded it there is none."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


def offer(thing: Shown) -> None:
    """Show `thing` as `show` does, and let no run count it: its record stays away."""
    show(_Read(mask(thing.text()), mask(thing.html())))


def live() -> Callable[[object], None]:
    """What shows a thing in one place again and again, the newest state of it; in a terminal it shows nothing."""
    if ear := _ear.get():
        return ear
    if not _in_notebook():
        return lambda thing: None
    from IPython.display import display

    handle: Any = display({"text/plain": ""}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    return lambda thing: handle.update(thing)


def masked(value: Any) -> Any:
    """`value` (plain data) with every secret in its texts masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def badge(status: str) -> str:
    """A small coloured word for `status`, in HTML."""
    return (
        f'<b style="color:{COLOURS.get(status, "inherit")}">{MARKS.get(status, "")}&nbsp;{escape(status)}</b>'
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """An HTML table; cells are HTML already. Its class keeps MathJax, old (nbconvert) and new (JupyterLab), from reading dollars as formulas."""
    cell = 'style="text-align:left;vertical-align:top;padding:.25em .9em .25em 0"'
    top = "".join(f"<th {cell}>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td {cell}>{c}</td>" for c in row) + "</tr>" for row in rows)
    return f'<table class="tex2jax_ignore mathjax_ignore"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def code(command: str, folds: bool = False) -> str:
    """A command in HTML, its lines kept; one that is a page long, as with a file in it, scrolls in its own block.

    Where it `folds`, one of many lines is unfolded by a click.
    """
    lines = command.count("\n") + 1
    lid = "max-height:18em;overflow:auto;" if lines > LONG else ""
    block = f'<code style="display:inline-block;{lid}white-space:pre-wrap;overflow-wrap:anywhere">{escape(command)}</code>'
    if folds and lines > FOLD:
        return (
            f'<details><summary style="cursor:pointer">its command, {lines} lines</summary>{block}</details>'
        )
    return block


def inline(words: str) -> str:
    """Words in HTML; what stands in backticks is a command or a name."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(words))


def typed(command: str, margin: int) -> str:
    """A command after a prompt, `margin` columns in; further lines stand under the first."""
    return " " * margin + "$ " + command.replace("\n", "\n" + " " * (margin + 2))
