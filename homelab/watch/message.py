"""One message about a change, in plain words: what is new, what is over, what is still so and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homelab.record import masked
from homelab.secret import mask
from homelab.watch.findings import BROKEN, DRIFT, FAILED, SOON, Finding
from homelab.watch.told import News

WORDS = {
    DRIFT: ("change waits", "changes wait"),
    FAILED: ("check fails", "checks fail"),
    BROKEN: ("thing did not get through", "things did not get through"),
    SOON: ("warning", "warnings"),
}


@dataclass(frozen=True)
class Message:
    """What is told: `title` in one ASCII line, `text` in several, and the same as `data`; no secret is in it."""

    title: str
    text: str
    data: dict[str, Any]
    well: bool


def message(world: str, news: News, command: str, report: str, at: str) -> Message:
    """The message about `news` of the home `world`; `command` shows the same, `report` is the run's page."""
    title = f"{world}: {_sentence(news)}"
    parts = [
        _list("New:", news.new, news.since),
        _list("No longer so:", news.gone, {}),
        _list("Still so:", news.still, news.since),
        "" if news.well else f"See it: {command}",
        f"Report: {report}" if report else "",
    ]
    text = "\n".join([title, "", *(part for part in parts if part)])
    data = {
        "schema": 1,
        "world": world,
        "at": at,
        "title": title,
        "well": news.well,
        "new": [_data(f, news.since) for f in news.new],
        "gone": [_data(f, {}) for f in news.gone],
        "still": [_data(f, news.since) for f in news.still],
        "command": command,
        "report": report,
    }
    return Message(
        mask(title).encode("ascii", "replace").decode().replace("\n", " "),
        mask(text) + "\n",
        masked(data),
        news.well,
    )


def _sentence(news: News) -> str:
    if news.well:
        return "all is well again"
    here = (*news.new, *news.still)
    counts = {kind: sum(f.kind == kind for f in here) for kind in WORDS}
    said = [f"{n} {WORDS[kind][n > 1]}" for kind, n in counts.items() if n]
    better = "" if news.new else ", fewer than before"
    return ", ".join(said) + better


def _list(head: str, found: Iterable[Finding], since: Mapping[str, str]) -> str:
    lines = [f"- {f.words}{_since(since.get(f.id, ''))}" for f in found]
    return "\n".join([head, *lines, ""]) if lines else ""


def _since(stamp: str) -> str:
    return f", since {day(stamp)}" if stamp else ""


def day(stamp: str) -> str:
    """An ISO time for people, in its own offset: ``27 November, 03:30 +01:00``."""
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    offset = f"{at:%z}"
    return f"{at.day} {at:%B %Y, %H:%M}" + (f" {offset[:3]}:{offset[3:5]}" if offset else "")


def _data(finding: Finding, since: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "words": finding.words,
        "stage": None if finding.stage.startswith("@") else finding.stage or None,
        "since": since.get(finding.id),
    }
