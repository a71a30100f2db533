"""The instructor's notes and the glossary tell of what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from homelab import stages
from homelab.faults import ALL

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
GLOSSARY = (NOTEBOOKS / "glossary.md").read_text()
NOTES = (NOTEBOOKS / "for_the_instructor.md").read_text()
TERMS = re.findall(r"^\| \*\*(.+?)\*\* \| \[(\d\d)\]\((\S+)\) \| (.+) \|$", GLOSSARY, re.MULTILINE)
ASKED_FOR = (
    "WireGuard", "DERP", "NAT", "MagicDNS", "serve", "Funnel", "exit node", "subnet router", "4via6", "ACME",
    "KV cache", "prefill", "decode", "MTU",
)  # fmt: skip


def _prose(notebook: str) -> str:
    cells = json.loads((NOTEBOOKS / notebook).read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


@pytest.mark.parametrize(("term", "number", "notebook", "meaning"), TERMS, ids=[t[0] for t in TERMS])
def test_a_term_is_used_where_the_glossary_says(term: str, number: str, notebook: str, meaning: str) -> None:
    assert notebook == stages.notebook(stages.find(number)).name
    assert re.search(rf"(?<!\w){re.escape(term)}s?(?!\w)", _prose(notebook), re.IGNORECASE)
    assert meaning.endswith(".")


def test_the_glossary_has_every_line_once_and_sorted() -> None:
    assert len(TERMS) == GLOSSARY.count("\n| **") > 50
    names = [term[0].lower().lstrip("-") for term in TERMS]
    assert names == sorted(set(names))
    assert set(ASKED_FOR) <= {term[0] for term in TERMS}


def test_every_stage_has_notes_with_three_questions() -> None:
    chapters = re.split(r"^### (?=\d\d )", NOTES.partition("## Notes per stage")[2], flags=re.MULTILINE)[1:]
    assert [chapter[:2] for chapter in chapters] == [name[:2] for name in stages.names()]
    for chapter in chapters:
        assert all(word in chapter for word in ("**In a sentence.**", "**Wrong.**", "**People get lost**"))
        assert len(re.findall(r"^[123]\. .+\?.* \*.+\*$", chapter, re.MULTILINE)) == 3, chapter[:20]


def test_every_fault_is_among_the_lessons() -> None:
    told = dict(re.findall(r"^\| `([\w-]+)` \| (\d\d) \|", NOTES, re.MULTILINE))
    assert told == {name: fault.stage[:2] for name, fault in ALL.items()}


@pytest.mark.parametrize("title", ["### Half a day", "### One day"])
def test_the_agenda_adds_up(title: str) -> None:
    table = NOTES.partition(title)[2].partition("###")[0]
    rows = re.findall(r"^\| (\d+):(\d\d) \| (\d+) \|", table, re.MULTILINE)
    at = 0
    for hours, minutes, length in rows:
        assert int(hours) * 60 + int(minutes) == at
        at += int(length)
    told = re.search(r"\((\d+) h (\d+)", table)
    assert told
    assert at == int(told[1]) * 60 + int(told[2])
