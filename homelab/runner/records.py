"""What an executed notebook says about itself: checks, changes, pictures, title, and its error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from homelab.pictures.embedded import drawing

MIME = "application/vnd.homelab+json"
PICTURES = ("image/svg+xml", "image/png")  # the first that an output has
NOT_DONE = ("planned", "observed")
CHANGE = ("machine", "resource", "why", "command", "outcome", "loses", "seconds", "error")
CHECK = ("name", "vantage", "status", "evidence", "hint")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
_MARKUP = re.compile(r"[*_`]+|\[([^\]]*)\]\([^)]*\)")

Notebook = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """A picture that a cell showed: its MIME type, its data (text or base64), and the heading above it; `words` say what it shows.

    `waits`: changes were waiting to be applied, so that it shows what nobody has seen.
    """

    mime: str
    data: str
    caption: str
    waits: bool = False
    words: str = ""


@dataclass(frozen=True)
class Columns:
    """A table that a cell showed, and the heading above it; `waits` as with a picture."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    waits: bool = False


def plain_text(value: str | list[str]) -> str:
    """A source or output as one text, without a terminal's colours."""
    return _ANSI.sub("", "".join(value) if isinstance(value, list) else value)


def headings(notebook: Notebook) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every cell with the heading that it stands under."""
    here = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in plain_text(cell["source"]).splitlines():
                if found := _HEADING.match(line):
                    here = plain(found[1])
        yield here, cell


def plain(markdown: str) -> str:
    """A line of Markdown without its marks."""
    return _MARKUP.sub(lambda m: m[1] or "", markdown).strip()


def title(notebook: Notebook) -> tuple[str, str]:
    """The notebook's first heading, and the first paragraph below it; empty where there is none."""
    top, below = "", []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        for line in plain_text(cell["source"]).splitlines():
            if not top:
                top = plain(found[1]) if (found := _HEADING.match(line)) else ""
            elif line.strip() and line[0] not in "#>|-!<":
                below.append(line.strip())
            elif below:
                return top, plain(" ".join(below))
    return top, plain(" ".join(below))


def _outputs(notebook: Notebook) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for heading, cell in headings(notebook):
        for output in cell.get("outputs", ()):
            yield heading, output


def records(notebook: Notebook) -> list[dict[str, Any]]:
    """The records that the cells have shown, in order."""
    found = (output.get("data", {}).get(MIME) for _, output in _outputs(notebook))
    return [record for record in found if isinstance(record, dict) and record.get("v") == 1]


def checks(notebook: Notebook) -> list[dict[str, Any]]:
    """The answers of the checks, in order."""
    return [{k: r.get(k) for k in CHECK} for r in records(notebook) if r.get("kind") == "check"]


def changes(notebook: Notebook, managed: bool = True) -> list[dict[str, Any]]:
    """What became of each change, in order; of a notebook that failed before any was carried out, what it planned.

    Of a stage that is not `managed` nothing is planned: its changes are observations.

    A plan that is only shown (such as the way back) is not something that became of a change.
    """
    all_records = records(notebook)
    done = [r for r in all_records if r.get("kind") == "outcome"]
    plans = [c for r in all_records if r.get("kind") == "plan" for c in r.get("changes", ())]
    shown = done or (plans if error(notebook) else [])
    found = [{k: r.get(k) for k in CHANGE} for r in shown]
    for change in found:
        if not managed and change["outcome"] == "planned":
            change["outcome"] = "observed"
    return found


def asked(notebook: Notebook) -> list[str]:
    """What the reader was asked to do while a command waits, in order."""
    return [str(r["what"]) for r in records(notebook) if r.get("kind") == "asked"]


def planned(notebook: Notebook) -> list[dict[str, Any]]:
    """The records of the changes that were to be applied and were not, in order."""
    return [r for r in records(notebook) if (r.get("kind"), r.get("outcome")) == ("outcome", "planned")]


def seen(notebook: Notebook) -> list[Picture | Columns]:
    """The pictures and tables that the cells have shown, in order."""
    found: list[Picture | Columns] = []
    waits = False
    for heading, output in _outputs(notebook):
        data = output.get("data", {})
        record = data.get(MIME) if isinstance(data.get(MIME), dict) else {}
        waits = waits or (record.get("kind") == "outcome" and record.get("outcome") in NOT_DONE)
        mime = next((m for m in PICTURES if m in data), None)
        if drawn := drawing(plain_text(data.get("text/html", ""))):
            found.append(Picture("image/svg+xml", drawn[0], heading, waits, drawn[1]))
        elif mime:
            found.append(
                Picture(mime, plain_text(data[mime]), heading, waits, plain_text(data.get("text/plain", "")))
            )
        elif record.get("kind") == "table" and record.get("v") == 1:
            rows = tuple(tuple(map(str, row)) for row in record.get("rows", ()))
            found.append(Columns(tuple(map(str, record.get("head", ()))), rows, heading, waits))
    return found


def code_cells(notebook: Notebook) -> int:
    """How many cells there are to execute."""
    return sum(_runs(cell) for cell in notebook["cells"])


def under(notebook: Notebook, number: int) -> str:
    """The heading above code cell `number` (from 1)."""
    for heading, cell in headings(notebook):
        number -= _runs(cell)
        if number <= 0:
            return heading
    return ""


def _runs(cell: Mapping[str, Any]) -> bool:
    return cell["cell_type"] == "code" and bool(plain_text(cell["source"]).strip())


def error(notebook: Notebook) -> dict[str, Any] | None:
    """The error that ended the notebook: its type, what it says, its hint, and the cell's number."""
    number = 0
    for cell in notebook["cells"]:
        number += _runs(cell)
        for output in cell.get("outputs", ()):
            if output["output_type"] != "error" or "raises-exception" in cell["metadata"].get("tags", ()):
                continue
            if output["ename"] == "SystemExit" and output["evalue"] in ("", "0", "None"):
                continue  # a notebook may end early on purpose
            what, _, hint = _ANSI.sub("", output["evalue"]).partition("\nHint: ")
            return {"type": output["ename"], "what": what, "hint": hint or None, "cell": number}
    return None
