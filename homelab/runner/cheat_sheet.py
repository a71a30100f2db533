"""The cheat sheet of a run: the commands of its plans, stage by stage, to print or to keep beside the keyboard.

Nothing in it is typed by hand: a command is here because a stage planned or made that change in this very run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from homelab.plan import BACK
from homelab.runner.results import Results, StageResult
from homelab.secret import mask

NAME = "cheat_sheet"
LONGEST = 12  # lines of a command; what is longer is a file, and no hand types it
STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #111; --soft: #444; --line: #888 }
@media screen { :root { --paper: #faf8f3; --ink: #22262b; --soft: #656b73; --line: #e4dfd5 } body { font-size: 11.5pt } }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #15181b; --ink: #e7e3da; --soft: #9aa0a6; --line: #2e3338 } }
body { font: 10pt/1.4 system-ui, sans-serif; background: var(--paper); color: var(--ink); max-width: 62em; margin: 1.5em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; border-bottom: 1px solid var(--line); margin: 1.2em 0 .4em }
dl { margin: 0 } dt { margin-top: .5em; break-after: avoid } dd { margin: 0; break-inside: avoid } h2, h3 { break-after: avoid }
h3 { font-size: 1em; margin: .7em 0 0 } code { font: .92em ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
dd code { display: block; padding-left: 4ch; text-indent: -4ch } a { color: inherit } small { color: var(--soft) }
@media print { :root { color-scheme: light } body { max-width: none; margin: 0; padding: 0 } .back { display: none } }
"""


@dataclass(frozen=True)
class Line:
    """One command: where it is typed, what for, and whether it takes something back."""

    machine: str
    why: str
    command: str

    @property
    def is_back(self) -> bool:
        """Whether it is part of a way back."""
        return self.why.startswith(BACK)


def lines(stage: StageResult) -> list[Line]:
    """The commands of a stage, each once, in their order."""
    found = (_line(change) for change in stage.changes if change["outcome"] != "already")
    return list(dict.fromkeys(line for line in found if line))


def _line(change: dict[str, Any]) -> Line | None:
    command = str(change.get("command") or "").strip()
    if not command:
        return None
    rows = command.splitlines()
    if len(rows) > LONGEST:
        command = "\n".join(
            [*rows[:LONGEST], f"… ({len(rows) - LONGEST} more lines: see the run's notebook)"]
        )
    return Line(str(change["machine"]), str(change["why"]), command)


def _groups(stage: StageResult) -> Iterator[tuple[str, list[Line]]]:
    found = lines(stage)
    for title, is_back in (("", False), ("The way back", True)):
        if group := [line for line in found if line.is_back == is_back]:
            yield title, group


def _shown(results: Results) -> Iterable[StageResult]:
    return (stage for stage in results.stages if lines(stage))


def markdown(results: Results) -> str:
    """The sheet as Markdown."""
    parts = ["# Cheat sheet", _about(results)]
    for stage in _shown(results):
        parts.append(f"## {stage.name[:2]} {stage.title or stage.name}")
        for title, group in _groups(stage):
            parts += [f"### {title}"] if title else []
            parts += [
                f"{line.why.removeprefix(BACK)} (on `{line.machine}`)\n\n{_fenced(line)}" for line in group
            ]
    return mask("\n\n".join(parts) + "\n")


def page(results: Results) -> str:
    """The sheet as one page of HTML, which prints in black and needs no network; no secret is in it."""
    parts = []
    for stage in _shown(results):
        parts.append(f"<section><h2>{escape(stage.name[:2])} {escape(stage.title or stage.name)}</h2>")
        for title, group in _groups(stage):
            parts += [f"<h3>{title}</h3>"] if title else []
            parts.append("<dl>" + "".join(_row(line) for line in group) + "</dl>")
        parts.append("</section>")
    return mask(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Cheat sheet</title><style>{STYLE}</style>"
        f'<p class="back"><a href="report.html">The report</a></p><h1>Cheat sheet</h1><p>{escape(_about(results))}</p>'
        + "\n".join(parts)
        + "</html>\n"
    )


def _about(results: Results) -> str:
    return (
        f"The commands of the run {results.run}, in the world {results.world}: "
        "what each stage types on which machine, and why. Secrets are masked."
    )


def _row(line: Line) -> str:
    typed = "".join(f"<code>{escape(row) or '&nbsp;'}</code>" for row in line.command.splitlines())
    return f"<dt>{escape(line.why.removeprefix(BACK))} <small>on {escape(line.machine)}</small></dt><dd>{typed}</dd>"


def _fenced(line: Line) -> str:
    fence = "```" if "```" not in line.command else "~~~~"
    return f"{fence}sh\n{line.command}\n{fence}"
