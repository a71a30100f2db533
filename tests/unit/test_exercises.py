"""The exercises as data, how one is shown, and that each has its place in its chapter's notebook."""

from __future__ import annotations

import ast
import json
from types import SimpleNamespace
from typing import Any

import pytest

from homelab import stages
from homelab.check import Answer
from homelab.errors import HomelabError, ParamsError
from homelab.exercises import exercise as module
from homelab.exercises.exercise import CELL, HERE, Exercise, Look, Typed, every, exercise, find, of
from homelab.machine import Pending
from homelab.progress import DONE, NOT_YET
from homelab.read_only import Guard
from homelab.record import MIME

ALL = [(stage, n, found) for stage in stages.names() for n, found in enumerate(of(stage), 1)]
ONE = Exercise(
    "Cut & mend",
    lambda world: Answer("is cut", "phone", "ok", "no answer"),
    ("Where is a `plug`?", "Pull it."),
    (Typed("phone", "ping -c 1 1.1.1.1\nexit"), Typed(HERE, "./runbook lab link phone --cut")),
    (Typed(CELL, "print(world)"),),
)


def world(lab: bool = True, waiting: int = 0) -> Any:
    pending = Pending()
    pending.count = waiting
    return SimpleNamespace(
        lab={"state": "/s", "socket": "/s/lab.sock"} if lab else None,
        pending=pending,
        guard=Guard(False),
        name="lab",
    )


@pytest.fixture(autouse=True)
def up(monkeypatch) -> None:
    """The lab answers."""
    monkeypatch.setattr(module.labsocket, "request", lambda path, op: {})


@pytest.fixture
def one(monkeypatch) -> list[Exercise]:
    """The exercise that any number finds."""
    found = [ONE]
    monkeypatch.setattr(module, "find", lambda number: found[0])
    return found


@pytest.mark.parametrize("stage", stages.names())
def test_a_chapter_has_at_least_three(stage) -> None:
    assert len(of(stage)) >= 3
    assert len({e.title for e in of(stage)}) == len(of(stage))


@pytest.mark.parametrize("found", [e for _, _, e in ALL], ids=[f"{s[:2]}.{n}" for s, n, _ in ALL])
def test_an_exercise_has_all_that_a_learner_needs(found) -> None:
    assert len(set(found.hints)) == 2
    assert all(hint.endswith((".", "?")) and hint.count("`") % 2 == 0 for hint in found.hints)
    assert found.answer
    assert found.back
    assert found.answer[0].what not in found.hints[0], "the first hint is not the answer"
    for typed in (*found.answer, *found.back):
        assert typed.what.strip() == typed.what != ""
        if typed.where == CELL:
            compile(typed.what, "cell", "exec")


@pytest.mark.parametrize("stage", stages.names())
def test_its_notebook_asks_for_each_in_order_and_they_are_not_done_yet(stage) -> None:
    cells = json.loads(stages.notebook(stage).read_text())["cells"]
    numbers = [f"{stage[:2]}.{n}" for n in range(1, len(of(stage)) + 1)]
    asking = [c for c in cells if "exercise(world, " in "".join(c["source"])]
    assert ["".join(c["source"]).splitlines()[-1] for c in asking] == [
        f'exercise(world, "{n}")' for n in numbers
    ]
    (own,) = ("".join(c["source"]) for c in cells if c["id"] == "own")
    assert "Take each back before you begin the next" in own
    for cell in asking:
        assert cells[cells.index(cell) - 1]["cell_type"] == "markdown", "what is to be done stands above"
        (output,) = cell["outputs"]
        record = output["data"][MIME]
        assert record["state"] == NOT_YET, record
        now = Look(record["number"], find(record["number"]), NOT_YET, record["evidence"])
        assert "".join(output["data"]["text/html"]) == now.html(), (
            "./runbook test --refresh brings it up to date"
        )


def test_it_is_done_when_the_world_says_so_and_its_guard_is_on_meanwhile(one) -> None:
    here, on = world(), []
    one[0] = Exercise("t", lambda w: (on.append(w.guard.on), Answer("a", "phone", "warn", "e"))[1], *PARTS)
    assert exercise(here, "00.1").state == NOT_YET
    assert on == [True]
    assert here.guard.on is False
    one[0] = ONE
    assert exercise(here, "00.1").state == DONE
    assert exercise(here, "00.1").evidence == "from phone: no answer"


PARTS = (ONE.hints, ONE.answer, ONE.back)


def test_a_world_that_is_not_there_yet_is_no_failure(one) -> None:
    def lost(_: object) -> Answer:
        raise HomelabError("nobody is logged in", "phone")

    one[0] = Exercise("t", lost, *PARTS)
    look = exercise(world(), "00.1")
    assert (look.state, look.evidence) == (NOT_YET, "from phone: nobody is logged in")


@pytest.mark.parametrize(("there", "said"), [(world(lab=False), "for the lab"), (world(waiting=2), "wait")])
def test_at_home_and_while_changes_wait_it_is_not_looked_at(one, there, said) -> None:
    def never(_: object) -> Answer:
        raise AssertionError

    one[0] = Exercise("t", never, *PARTS)
    look = exercise(there, "00.1")
    assert look.state == "skip"
    assert said in look.evidence
    assert "Worked answer" in look.html()


def test_hints_are_folded_and_each_can_be_opened() -> None:
    look = Look("00.1", ONE, NOT_YET, "it answers")
    assert 'aria-label="Exercise 00.1, Cut &amp; mend: not yet"' in look.html()
    assert look.html().count("<details") == 3
    assert "Where is a <code>plug</code>?" in look.html()
    assert " open>" not in look.html()
    assert "Pull it" not in look.text()
    assert 'exercise(world, "00.1", show=1)' in look.text()
    one, three = Look("00.1", ONE, NOT_YET, "e", 1), Look("00.1", ONE, NOT_YET, "e", 3)
    assert one.html().count(" open>") == 1
    assert "Where is a `plug`?" in one.text()
    assert "Pull it" not in one.text()
    answer = (
        "$ ./runbook lab shell phone\n    phone# ping -c 1 1.1.1.1\n    phone# exit\n    $ ./runbook lab link"
    )
    assert answer in three.text()
    assert "And back:\n    # a cell of this notebook\n    print(world)" in three.text()
    assert three.record()["state"] == NOT_YET


def test_several_questions_are_one_answer() -> None:
    good, other, bad = (
        Answer(n, f"{n} seat", s, f"{n} saw") for n, s in (("a", "ok"), ("b", "ok"), ("c", "fail"))
    )
    assert every(lambda: good, lambda: other).evidence == "from a seat: a saw; from b seat: b saw"
    assert every(lambda: good, lambda: bad, lambda: other) is bad


@pytest.mark.parametrize("number", ["03.0", "03.9", "03", "03.x"])
def test_a_number_that_is_none_says_which_are(number) -> None:
    with pytest.raises(ParamsError, match=r"03\.1 to 03\."):
        find(number)


@pytest.mark.parametrize("stage", stages.names())
def test_an_answer_in_a_cell_leaves_the_names_of_its_notebook_alone(stage: str) -> None:
    document = json.loads(stages.notebook(stage).read_text(encoding="utf-8"))
    taken: dict[str, str] = {}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            taken |= bound("".join(cell["source"]))
    answers = [t.what for one in of(stage) for t in (*one.answer, *one.back) if t.where == CELL]
    for answer in answers:
        # The same thing imported again is no harm: what follows in the notebook works on.
        spoiled = {n: how for n, how in bound(answer).items() if n in taken and taken[n] != how}
        assert not spoiled, f"after this answer the notebook's own cells fail:\n{answer}"


def bound(code: str) -> dict[str, str]:
    """The names that `code` gives, and what to: the import as it stands, or "a value"."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = "a value"
    return found
