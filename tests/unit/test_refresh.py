"""Refreshed notebooks: what is the same stays to the byte, what has changed is one line, and no other form is committed."""

from __future__ import annotations

import copy
import json
import re
import types

import pytest

from homelab import stages
from homelab.errors import PrerequisiteMissing
from homelab.pictures.embedded import embedded
from homelab.runner import refresh
from homelab.runner.folder import Folder
from homelab.runner.refresh import canonical, refreshed, text_of
from homelab.runner.settled import settled
from homelab.runner.volatile import normal

APPLIED = "✓ applied  on phone: log in\n           $ sudo tailscale up --hostname=phone"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{APPLIED}  0.2 s", APPLIED),
        ("log in <small>0.2 s</small><br>", "log in<br>"),
        ("203.0.113.10: 200, 605 bytes, in 26 ms", "203.0.113.10: 200, 605 bytes, in 1000 ms"),
        (
            "https://login.tailscale.com/a/304beadad604c8, signs",
            "https://login.tailscale.com/a/3d49a7b3c062c0, signs",
        ),
        ("homelab/runbook: d8c64f44 came back", "homelab/runbook: 8bad31cd came back"),
        ("by Pebble Intermediate CA 72e9e8, 90 days", "by Pebble Intermediate CA baf6ca, 90 days"),
        ("demoserver/20261127T174105.404957331.cast", "demoserver/20261127T202908.451049741.cast"),
        (
            "1 direct by 203.0.113.10:58824 in 1 ms",
            "1 via DERP(mad) in 5 ms, then 1 direct by 203.0.113.10:8394 in 0 ms",
        ),
    ],
)
def test_what_is_volatile_says_the_same(one, other) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("phone$ ip route", "phone$ ip routf"),
        ("192.168.88.10:8096", "192.168.88.10:8097"),
        ("color:#1a7f4b", "color:#1a7f4c"),
        ("605 bytes, 90 days left", "606 bytes, 90 days left"),
        ("--delay 80ms", "--delay 90ms"),
        ("stays on a relay: 2 via DERP(mad)", "goes direct: 2 direct by 203.0.113.10:4000"),
    ],
)
def test_what_is_said_differs(one, other) -> None:
    assert normal(one) != normal(other)


def shown(text="", html="", record=None, svg="") -> dict:
    data = {"text/plain": text.splitlines(True), "text/html": html.splitlines(True)}
    if record:
        data["application/vnd.homelab+json"] = record
    if svg:
        data["text/html"] = embedded(svg, text).splitlines(True)
    return {"output_type": "display_data", "metadata": {}, "data": data}


def stream(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(True)}


def different(old, new) -> list[str]:
    """The lines of the committed file that differ."""
    one, other = (json.dumps(outputs, indent=1, ensure_ascii=False).splitlines() for outputs in (old, new))
    assert len(one) == len(other)
    return [b for a, b in zip(one, other, strict=True) if a != b]


TABLE = "name     {}  of what\nphone    {}  ping\nwindows  {}  ping\n"


def test_another_run_leaves_every_byte() -> None:
    old = [
        stream("Alice opens https://login.tailscale.com/a/304beadad604c8\n"),
        shown(
            TABLE.format("took   ", "0.6 ms ", "0.07 ms"),
            "<small>0.2 s</small>",
            {"outcome": "applied", "seconds": 0.2},
        ),
    ]
    new = [
        stream("Alice opens https://login.tailscale.com/a/9360665ae1c5de\n"),
        shown(
            TABLE.format("took    ", "0.612 ms", "0.7 ms  "),
            "<small>1.2 s</small>",
            {"outcome": "applied", "seconds": 1.23},
        ),
    ]
    assert different(old, settled(copy.deepcopy(old), new)) == []


def test_one_character_is_one_line_of_each_form_of_the_output() -> None:
    def outputs(name: str, second: str, code: str) -> list[dict]:
        text = f"{name} on phone  {second} s\nby {code}\nand the rest\n"
        record = {"why": name, "seconds": float(second), "seen": [code, "the rest"]}
        return [stream(f"opens /a/{code}\n"), shown(text, f"<b>{name}</b>\n<i>{second} s</i>", record)]

    old, new = outputs("log in", "0.2", "304beadad604c8"), outputs("log im", "1.7", "9fd05a733f74e6")
    found = [line.strip() for line in different(old, settled(copy.deepcopy(old), new))]
    assert len(found) == 3
    assert [line.partition("log im")[1] for line in found] == ["log im"] * 3
    assert '"seconds": 0.2' in json.dumps(settled(copy.deepcopy(old), new))


def test_an_output_more_or_less_leaves_the_others() -> None:
    def run(code: str) -> list[dict]:
        return [stream(f"{word} /a/{code}\n") for word in ("first", "second", "third")]

    old, new = run("304beadad604c8"), run("9fd05a733f74e6")
    assert settled(copy.deepcopy(old), [new[0], new[2]]) == [old[0], old[2]]
    more = stream("new\n")
    assert settled([old[0], old[2]], [new[0], more, new[2]]) == [old[0], more, old[2]]
    assert settled(old, []) == []
    assert settled([], new) == new


DRAWING = (
    '<svg>\n<path d="M {0} 2" clip-path="url(#p{1})" style="stroke: {2}"/>\n<text x="{0}">{3}</text>\n</svg>'
)


def test_a_picture_stays_until_its_ink_or_its_words_change() -> None:
    old = [shown("pings", svg=DRAWING.format(156.96, "d1e712800a", "#966200", "took 1 ms"))]
    moved = [shown("pings", svg=DRAWING.format(181.44, "46907d710f", "#966200", "took 3 ms"))]
    assert settled(copy.deepcopy(old), moved) == old
    for ink, words in (("#007a5a", "took 1 ms"), ("#966200", "port 8080")):
        new = [shown("pings", svg=DRAWING.format(156.96, "d1e712800a", ink, words))]
        assert settled(copy.deepcopy(old), new) == new


def test_a_photograph_is_what_it_is() -> None:
    old, new = (
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": it}} for it in ("aa", "ab")
    )
    assert settled([old], [new]) == [new]


def notebook(**cells) -> dict:
    made = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {"tags": ["check"], "papermill": {"duration": 1}},
            "outputs": outputs,
            "source": "a = 1\na",
        }
        for name, outputs in cells.items()
    ]
    return {"cells": made, "metadata": {"papermill": {}}, "nbformat": 4, "nbformat_minor": 5}


def test_a_notebook_gets_the_outputs_of_its_run_in_one_form() -> None:
    result = {
        "output_type": "execute_result",
        "execution_count": 7,
        "metadata": {"a": 1},
        "data": {"text/plain": "1\n2"},
    }
    made = refreshed(
        notebook(first=[], second=[]), notebook(injected=[], second=[result], first=[stream("x\n")])
    )
    assert [cell["id"] for cell in made["cells"]] == ["first", "second"]
    assert [cell["execution_count"] for cell in made["cells"]] == [1, 2]
    assert made["cells"][1]["outputs"] == [
        {
            "output_type": "execute_result",
            "execution_count": 2,
            "metadata": {},
            "data": {"text/plain": ["1\n", "2"]},
        }
    ]
    assert made["cells"][0]["metadata"] == {"tags": ["check"]}
    assert made["cells"][0]["source"] == ["a = 1\n", "a"]
    assert made["metadata"] == refresh.METADATA
    assert canonical(made) == made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A checkout with one stage, whose runs are played: `folder.ends` is their exit status."""
    place = types.SimpleNamespace(book=tmp_path / "00_welcome.ipynb", ends=0, says="x", runs=0)
    place.book.write_text(json.dumps(notebook(first=[])))

    def run(request, then):
        place.runs += 1
        said = f"{place.says} in {place.runs} ms, see {tmp_path}/run/page.html\n"
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run/00_welcome.ipynb").write_text(json.dumps(notebook(first=[stream(said)])))
        return then(Folder(tmp_path / "run", "r"), None, place.ends)

    monkeypatch.setattr(refresh, "run", run)
    monkeypatch.setattr(refresh, "kept", lambda: "")
    monkeypatch.setattr(refresh, "understand", lambda words: types.SimpleNamespace(stages={"00_welcome": {}}))
    monkeypatch.setattr(stages, "notebook", lambda name: place.book)
    return place


def test_a_second_refresh_changes_nothing(folder, capsys) -> None:
    assert refresh.refresh([]) == 0
    once = folder.book.read_text()
    assert "x in 1 ms, see runs/latest/page.html" in once
    assert refresh.refresh([]) == 0
    assert folder.book.read_text() == once
    assert capsys.readouterr().out.splitlines() == [
        "notebooks/00_welcome.ipynb has changed: git diff shows it.",
        "notebooks/00_welcome.ipynb says the same.",
    ]
    folder.says = "y"
    refresh.refresh([])
    assert folder.book.read_text() == once.replace("x in 1 ms", "y in 3 ms")


def test_a_stage_that_fails_leaves_its_notebook(folder) -> None:
    before, folder.ends = folder.book.read_text(), 1
    assert refresh.refresh([]) == 1
    assert folder.book.read_text() == before


def test_a_lab_that_somebody_uses_is_not_one_to_take_outputs_from(folder, monkeypatch) -> None:
    monkeypatch.setattr(refresh, "kept", lambda: "/run/lab.sock")
    with pytest.raises(PrerequisiteMissing, match="a lab is up"):
        refresh.refresh([])
    assert not folder.runs


@pytest.mark.parametrize("stage", stages.names())
def test_committed_notebooks_have_the_form_that_refresh_writes(stage) -> None:
    text = stages.notebook(stage).read_text(encoding="utf-8")
    made = json.loads(text)
    assert text == text_of(canonical(made)), f"./runbook test --refresh {stage} brings it into form"
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert len(outputs) > len(code) / 2, "it was not run"
    assert not [output for output in outputs if output["output_type"] == "error"]


@pytest.mark.parametrize("stage", stages.names())
def test_committed_outputs_tell_nothing_of_a_machine(stage) -> None:
    cells = json.loads(stages.notebook(stage).read_text(encoding="utf-8"))["cells"]
    said = json.dumps([cell.get("outputs") for cell in cells])
    strange = rf"/tmp/tmp\w+|{re.escape(str(refresh.CHECKOUT))}\b|\bruns/\d{{4}}-|/home/(?!ubuntu\b|alice\b)\w+|tskey-\w+-\w+-\w+"
    assert not re.findall(strange, said), f"./runbook test --refresh {stage} takes it out"
