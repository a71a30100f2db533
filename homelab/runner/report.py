"""``report.html``: the page about a run, for a person. One file, no scripts, nothing fetched."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from homelab.pictures.embedded import embedded
from homelab.record import MARKS
from homelab.runner import cheat_sheet
from homelab.runner.records import NOT_DONE, Columns, Picture
from homelab.runner.results import Results, StageResult
from homelab.runner.words import badge, idle, sentence, title
from homelab.secret import mask

# What browsers enforce: nothing is fetched, nothing runs.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
STYLE = Path(__file__).with_name("report.css")
LOGO = """<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true">
<path d="M4 15 16 5l12 10v12H4z"/><path d="M11 19.5 16 14l5 5.5M11 19.5h10"/>
<g fill="currentColor" stroke="none"><circle cx="16" cy="14" r="2.2"/><circle cx="11" cy="20" r="2.2"/><circle cx="21" cy="20" r="2.2"/></g></svg>"""
UNSEEN = ("the changes wait", "nobody was asked")
CLOSING = """A cloud is other people's computers, until some of them are ours. Nobody has to leave it to do this:
it is enough that citizens own a part of the infrastructure they live with, know how it works, and can mend it."""


def page(results: Results, seen: Mapping[str, Sequence[Picture | Columns]], plan: str = "") -> str:
    """The whole page; no secret is in it. `plan` is the part about what waits, in HTML."""
    sections = "\n".join(_stage(stage, seen.get(stage.name, ())) for stage in results.stages)
    return mask(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(sentence(results))} Homelab Runbook</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
{_header(results)}
</header>
<main>
{plan}{sections}
</main>
<footer>
<blockquote>{escape(CLOSING)}</blockquote>
<p>Run {escape(results.run)}, written {escape(results.written)} by Homelab Runbook. The same as data: <a href="results.json">results.json</a>{_sheet(results)}</p>
</footer>
</body>
</html>
""")


def _sheet(results: Results) -> str:
    """Where the run's commands are, once it has ended and has any."""
    if results.exit is None or not any(stage.changes for stage in results.stages):
        return ""
    return f'. Its commands, to print: <a href="{cheat_sheet.NAME}.html">cheat sheet</a>'


def _header(results: Results) -> str:
    world = "the lab" if results.world == "lab" else results.world
    checks = [c for stage in results.stages for c in stage.checks]
    changes = [c for stage in results.stages for c in stage.changes]
    numbers = [
        (_seconds(results.seconds), "in all"),
        (str(sum(c["status"] == "ok" for c in checks)), "checks hold"),
        (str(len({c["vantage"] for c in checks})), "vantage points"),
        (str(sum(c["outcome"] == "applied" for c in changes)), "changes applied"),
    ]
    waiting = results.planned
    for key, status, one, many in (
        ("status", "warn", "warning", "warnings"),
        ("status", "fail", "check fails", "checks fail"),
        ("status", "skip", "check skipped", "checks skipped"),
        ("outcome", "planned", "change waits", "changes wait"),
        ("outcome", "observed", "observed, not managed", "observed, not managed"),
    ):
        count = sum(c.get(key) == status for c in (*checks, *changes))
        if count := waiting if status == "planned" and waiting is not None else count:
            numbers.append((str(count), one if count == 1 else many))
    figures = "".join(f"<li><b>{escape(n)}</b><span>{escape(what)}</span></li>" for n, what in numbers)
    track = "".join(
        f'<li class="{_hue(s)}" style="--share:{max(s.seconds, 0.1):.1f}">'
        f'<a href="#{escape(s.name)}" title="{escape(s.name)}: {escape(badge(s))}">{_short(s)}</a></li>'
        for s in results.stages
    )
    broke = _broke(results.error, "failed") if results.error else ""
    return f"""<p class="brand">{LOGO}<span>Homelab Runbook · {escape(world)} · {escape(_when(results.started))}</span></p>
<h1>{escape(sentence(results))}</h1>
<p class="lead">{escape(_lead(results))}</p>
{broke}<ul class="numbers">{figures}</ul>
<ol class="track">{track}</ol>"""


def _short(stage: StageResult) -> str:
    """A stage where there is little room: its number and how it stands first, for colours alone tell not everybody."""
    number, _, rest = stage.name.partition("_")
    mark = badge(stage).partition(" ")[0] if stage.status != "waiting" else ""
    return escape(" ".join(filter(None, (number, mark, rest.replace("_", " ")))))


def _lead(results: Results) -> str:
    if results.status == "running":
        return f"As of {_when(results.written)}. If this page stays like this, the run was killed; what it found until then is here."
    if results.world == "lab":
        return "In the lab everything is real except what a named stand-in has to play; what was changed there, nobody will miss."
    return results.about


def _stage(stage: StageResult, shown: Sequence[Picture | Columns]) -> str:
    number, _, rest = stage.name.partition("_")
    name = stage.title or rest.replace("_", " ")
    parts = [f'<p class="meta">{escape(stage.about)}</p>' if stage.about else "", _meta(stage)]
    if stage.error:
        parts.append(_broke(stage.error, stage.status))
    unseen = [p for p in shown if p.waits or (idle(stage) and isinstance(p, Picture))]
    if seen := [p for p in shown if p not in unseen]:
        parts.append(f'<h3>Seen</h3>\n<div class="pictures">{"".join(map(_figure, seen))}</div>')
    asked = "Not asked" if all(c["status"] == "skip" for c in stage.checks) else "Proved"
    done = "Would change" if all(c["outcome"] in NOT_DONE for c in stage.changes) else "Changed"
    if not stage.managed:
        done = "Observed, not managed"
    if stage.checks:
        parts.append(
            f'<h3>{asked}</h3>\n<ul class="rows checks">{"".join(_check(c) for c in stage.checks)}</ul>'
        )
    if stage.changes:
        parts.append(f'<h3>{done}</h3>\n<ul class="rows">{"".join(_change(c) for c in stage.changes)}</ul>')
    if unseen:
        parts.append(
            f"<details><summary>Drawn, and seen by nobody: {UNSEEN[stage.status == 'ok']}</summary>\n"
            f'<div class="pictures">{"".join(map(_figure, unseen))}</div></details>'
        )
    body = "\n".join(part for part in parts if part)
    return f"""<section id="{escape(stage.name)}" class="{_hue(stage)}">
<div class="top"><h2><small>{escape(number)}</small>{escape(name)}</h2><span class="badge">{escape(badge(stage))}</span></div>
{body}
</section>"""


def _hue(stage: StageResult) -> str:
    return "skipped" if idle(stage) else stage.status


def _meta(stage: StageResult) -> str:
    if not stage.notebook:
        return ""
    cells = (
        f"{stage.cells} cells"
        if stage.status in ("ok", "drift", "observed")
        else f"cell {stage.cell} of {stage.cells}"
    )
    name = escape(stage.notebook)
    page = f'<a href="{escape(stage.name)}.html">the executed notebook</a> (<a href="{name}">.ipynb</a>)'
    link = f'<a href="{name}">what is executed so far</a>' if stage.status == "running" else page
    return f'<p class="meta">{_seconds(stage.seconds)} · {cells} · {link}</p>'


def _broke(error: Mapping[str, Any], status: str) -> str:
    place = f"<p><b>{escape(title(error))}</b></p>" if title(error) else ""
    hint = f'<p class="hint"><b>Hint:</b> {escape(str(error["hint"]))}</p>' if error.get("hint") else ""
    return f'<div class="broke {status}">{place}{_words(error["what"])}{hint}</div>'


def _check(check: Mapping[str, Any]) -> str:
    status = str(check["status"])
    hint = (
        f'<p class="hint"><b>Hint:</b> {escape(check["hint"])}</p>'
        if check["hint"] and status != "ok"
        else ""
    )
    room = "more long" if hint or "\n" in str(check["evidence"]) else "more"
    return (
        f'<li class="{escape(status)}"><span class="mark">{MARKS.get(status, "")}</span>'
        f'<span class="what">{escape(check["name"])} <span class="place">from {escape(check["vantage"])}</span></span>'
        f'<span class="side"><em>{escape(status)}</em></span><div class="{room}">{_words(check["evidence"])}{hint}</div></li>'
    )


def _change(change: Mapping[str, Any]) -> str:
    outcome = str(change["outcome"])
    took = f" · {_seconds(change['seconds'])}" if change.get("seconds") else ""
    loses = f"<div>cannot be taken back: {escape(change['loses'])}</div>" if change.get("loses") else ""
    failed = _words(change["error"]) if change.get("error") else ""
    return (
        f'<li class="{escape(outcome)}"><span class="mark">{MARKS.get(outcome, "")}</span>'
        f'<span class="what">{escape(change["why"])} <span class="place">on {escape(change["machine"])}</span></span>'
        f'<span class="side"><em>{escape(outcome)}</em>{took}</span>'
        f'<div class="more"><pre class="command">{escape(change["command"])}</pre>{loses}{failed}</div></li>'
    )


def _words(text: object) -> str:
    said = escape(str(text))
    return f"<pre>{said}</pre>" if "\n" in said else f"<div>{said}</div>"


def _figure(shown: Picture | Columns) -> str:
    return _columns(shown) if isinstance(shown, Columns) else _picture(shown)


def _columns(table: Columns) -> str:
    head = "".join(f"<th>{escape(word)}</th>" for word in table.head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(word)}</td>' for word in row)}</tr>" for row in table.rows)
    return (
        f'<figure><div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"<figcaption>{escape(table.caption)}</figcaption></figure>"
    )


@functools.lru_cache(maxsize=256)  # the page is written again at every record
def _picture(picture: Picture) -> str:
    caption, words = escape(picture.caption), picture.words or picture.caption
    if picture.mime == "image/svg+xml":  # as an image: its scripts and styles stay inside
        image = embedded(picture.data, words)
    else:
        image = (
            f'<img src="data:{picture.mime};base64,{"".join(picture.data.split())}" alt="{escape(words)}">'
        )
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def _when(stamp: str) -> str:
    try:
        return time.strftime("%d %B %Y, %H:%M", time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")).lstrip("0")
    except ValueError:
        return stamp
