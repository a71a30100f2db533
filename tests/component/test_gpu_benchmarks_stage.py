"""The benchmarks' chapter in a lab: planned, applied, measured from both ends, and all of it taken back."""

from __future__ import annotations

import pytest
from exercises import is_solved

from homelab import needs
from homelab.check import Answer
from homelab.plan import plan as planned
from homelab.resources import llm_program, llm_server
from homelab.stages import gpu_benchmarks as chapter

WISH = chapter.Params(depths=[0], repetitions=1, tokens=4, limit=5)


def states(world) -> list[object]:
    name = f"{chapter.PORT} {chapter.FOLDER}"
    return [llm_program.read(world["fooocus"], chapter.FOLDER), llm_server.read(world["fooocus"], name)]


@pytest.fixture(scope="module")
def applied(world):
    joined = [needs.joined(role) for role in ("fooocus", "phone")]
    world.apply(planned("test", needs.missing(world, joined)))
    before = states(world)
    assert chapter.engines(world, WISH) == {}  # nothing runs there yet
    made = chapter.plan(world, WISH)
    assert [c.resource for c in made] == ["llm_program", "llm_server"]
    world.apply(made)
    yield made
    world.apply(made.inverse())
    assert states(world)[0] == before[0]
    assert not states(world)[1].running
    assert chapter.engines(world, WISH) == {}


def test_a_second_plan_is_empty(world, applied) -> None:
    assert chapter.plan(world, WISH).text() == "No changes."


def test_another_measurement_restarts_the_server_only(world, applied) -> None:
    longer = chapter.plan(world, chapter.Params(thorough=True))
    assert [c.resource for c in longer] == ["llm_server"]
    assert (longer.changes[0].after.context, longer.changes[0].after.slots) == (2564, 4)


def test_it_is_measured_from_both_ends(world, applied) -> None:
    engines = chapter.engines(world, WISH)
    assert list(engines) == ["fooocus", "phone"]
    for place in engines:
        report = chapter.measured(engines, chapter.asked(WISH), place, say=None)
        assert report.engine.sha256.startswith("b179c952")
        assert report.engine.weights == 96_576_768
        assert [name for name, *_ in report.rows()] == ["tg4"]
        assert chapter.quiet(report).status in ("ok", "warn")
    waits, calm = chapter.first_word(engines, WISH)
    assert [p.place for p in waits.places] == ["fooocus", "phone"]
    assert calm.status in ("ok", "warn")


def test_an_exercise_is_done_when_its_worked_answer_was_typed(world, applied) -> None:
    is_solved(world, "09.3")


def test_what_needs_a_card_is_shown_and_not_done(world) -> None:
    assert [a.status for a in chapter.cards(world, WISH)][1:] == ["skip", "skip"]
    installs = chapter.installs(world, WISH)
    assert [c.resource for c in installs][-2:] == ["ollama_server", "ollama_model"]
    assert "Shown, not done" in installs.notes[0]
    assert isinstance(chapter.painted(world, WISH), Answer)
