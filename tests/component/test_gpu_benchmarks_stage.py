"""The benchmarks' chapter in a lab: planned, applied, measured from both ends, and all of it taken back."""

from __future__ import annotations

import pytest
from exercises import is_solved

from homelab import needs
from homelab.check import Answer
from homelab.panels import benchmark
from homelab.plan import plan as planned
from homelab.resources import llm_program, llm_server
from homelab.stages import gpu_benchmarks as chapter
from homelab.stages.gpu_benchmarks_choice import BESIDE, choices
from homelab.stages.gpu_benchmarks_record import Kept
from homelab.wait import until

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


@pytest.fixture
def bench(world, applied, monkeypatch, tmp_path):
    """The panel over the lab's engine, and what the run keeps of it."""
    monkeypatch.setattr(benchmark, "_at_work", [])
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path))
    engines, kept, told = chapter.engines(world, WISH), Kept(), []
    known = chapter.measured(engines, chapter.asked(WISH), say=None)
    made = benchmark.Bench(choices(world, WISH, engines), known, chapter.asked(WISH), kept, told.append)
    yield made, kept
    if benchmark._at_work:
        benchmark._at_work[0].stop()
        assert benchmark._at_work[0].wait(60)


def ended(made: benchmark.Bench) -> None:
    assert benchmark._at_work[0].wait(60), benchmark._at_work[0].said
    assert not made.running


def test_what_is_picked_is_measured_from_the_phone_and_stopped_with_what_there_is(bench) -> None:
    made, kept = bench
    assert made.engine.options == ("fooocus", "phone", BESIDE)
    assert made.depths.options == (("0 tokens", 0),), "the server was started for no more"
    assert "It will take about" in made.note.value
    made.engine.value, made.repetitions.value = "phone", 2
    made.start.click()
    ended(made)
    assert (kept.chosen.ended, kept.chosen.wanted) == ("", 2)
    assert kept.chosen.engine.sha256.startswith("b179c952")
    made.repetitions.value = 10
    made.start.click()
    until(lambda: made.progress.value, lambda n: 1 <= n < 10, "a first repetition", 60, every=0.001)
    made.stop.click()
    ended(made)
    assert kept.chosen.ended == "it was stopped"
    assert 1 <= len(kept.chosen.cases[0].samples) < 10


@pytest.mark.nightly
def test_the_engine_beside_the_notebook_holds_more_and_ends_with_its_measurement(bench) -> None:
    made, kept = bench
    made.engine.value, made.depths.value, made.repetitions.value = BESIDE, (128,), 1
    made.start.click()
    ended(made)
    assert not kept.chosen.ended
    assert [c.depth for c in kept.chosen.cases] == [128]
    assert kept.chosen.engine.context >= 128


def test_what_needs_a_card_is_shown_and_not_done(world) -> None:
    assert [a.status for a in chapter.cards(world, WISH)][1:] == ["skip", "skip"]
    installs = chapter.installs(world, WISH)
    assert [c.resource for c in installs][-2:] == ["ollama_server", "ollama_model"]
    assert "Shown, not done" in installs.notes[0]
    assert isinstance(chapter.painted(world, WISH), Answer)
