"""Chapter 09's controls, each pressed in a real browser: will it fit, and the bench that measures a real engine."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from browser import Notebook, browser, needs_chromium
from test_open import address, opened

from homelab.stages import gpu_benchmarks as chapter
from homelab.wait import until

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.lab,
    needs_chromium,
    pytest.mark.skipif(bool(chapter.missing()), reason=chapter.missing()),
]
BESIDE = "beside this notebook"
ONCE, TEN_TIMES = range(1, 4), range(10, 13)  # at most two more where others disturb it
BEFORE_IT = (
    'params = "lab" ',
    "from homelab.panels import benchmark",
    "world = open_world(",
    "computer = hardware.computer(",
)


@contextlib.contextmanager
def opened_at(folder):
    """The notebook, up to where it knows the computer; what it measures is kept in `folder`."""
    with opened("09", HOMELAB_RUN_FOLDER=str(folder)) as said, browser(folder) as page:
        page.goto(address(said))
        notebook = Notebook(page)
        for words in BEFORE_IT:
            notebook.run(words)
        yield page, notebook


def test_will_it_fit_follows_model_card_and_context(world, tmp_path) -> None:
    with opened_at(tmp_path) as (page, notebook):
        cell = notebook.start("panel(listed, model, card, context)")
        notebook.done(cell)

        def shows(words: str) -> None:
            cell.locator(f"img[src*='{words}']").wait_for()

        shows("Llama 3.2 3B, Q4_K_M with 2,500 tokens on GTX 1060 3 GB: it fits")
        slider = cell.get_by_role("slider")
        slider.focus()
        page.keyboard.press("End")
        shows("131,072 tokens on GTX 1060 3 GB: spills")
        cell.get_by_label("Card").select_option(label="A100 80 GB")
        shows("131,072 tokens on A100 80 GB: it fits")
        assert cell.locator("img[alt*='of 80']").count() == 1, "what is free and what is taken, in words"
        cell.get_by_label("Model").select_option(label="Phi-3 mini 3.8B, Q4_K_M")
        shows("Phi-3 mini 3.8B, Q4_K_M with")
        slider.focus()
        page.keyboard.press("Home")
        shows("Phi-3 mini 3.8B, Q4_K_M with 512 tokens on A100 80 GB: it fits")


class Bench:
    """The bench as one sees it; its ordinary output is below the controls."""

    def __init__(self, page, cell) -> None:
        self.page, self.cell = page, cell
        self.output = cell.locator(".jp-OutputArea-child").last

    def pick(self, label: str, *options: str) -> None:
        self.cell.get_by_label(label).select_option(label=list(options))

    def repeat(self, key: str) -> None:
        self.cell.get_by_role("slider").focus()
        self.page.keyboard.press(key)

    def press(self, button: str) -> None:
        self.cell.get_by_role("button", name=button, disabled=False).click()

    def says(self, words: str) -> None:
        self.cell.get_by_text(words).wait_for()

    def takes(self, more_than: float) -> float:
        """How long it will take (s), once that is more than so much."""
        note = self.cell.locator(".widget-html-content", has_text="It will take about")
        return until(
            lambda: float(re.search(r"about (\d+) s", note.inner_text())[1]),
            lambda found: found > more_than,
            f"more than {more_than} s",
        )

    def kept(self, folder) -> list[dict]:
        """What was chosen and measured, as the run's folder keeps it."""
        file = folder / "benchmarks" / "chosen.json"
        return json.loads(file.read_text())["cases"] if file.exists() else []


def test_the_bench_measures_what_is_picked_and_stops_when_told(world, tmp_path) -> None:
    world.apply(chapter.plan(world, chapter.Params()))
    with opened_at(tmp_path) as (page, notebook):
        for words in ("engines = chapter.engines(", "report = chapter.measured("):
            notebook.run(words)
        cell = notebook.start("benchmark.panel(")
        notebook.done(cell)
        bench = Bench(page, cell)
        bench.output.get_by_text("a repetition of 32 tokens takes").wait_for()

        depths = cell.get_by_label("Depths").locator("option")
        assert "1,024 tokens" not in depths.all_inner_texts(), "no more than the server holds"
        short = bench.takes(0)
        bench.repeat("End")
        long = bench.takes(short)
        bench.pick("Depths")
        bench.says("Pick one depth or more.")
        assert cell.get_by_role("button", name="Measure").is_disabled()
        bench.pick("Engine", BESIDE)
        cell.get_by_label("Depths").locator("option", has_text="1,024 tokens").wait_for(state="attached")
        bench.pick("Engine", "phone")
        bench.pick("Model", cell.get_by_label("Model").locator("option").first.inner_text())
        bench.pick("Depths", "128 tokens")
        bench.repeat("Home")
        until(lambda: bench.takes(0), lambda found: found < long, "a shorter wait")
        bench.press("Measure")
        bench.output.get_by_text("tg32 @ d128").wait_for()
        cell.get_by_role("button", name="Measure", disabled=False).wait_for()
        assert "pp128" in bench.output.inner_text()
        (case,) = bench.kept(tmp_path)
        assert case["depth"] == 128
        assert len(case["samples"]) in ONCE

        bench.pick("Depths", "128 tokens", "512 tokens")
        bench.repeat("End")
        bench.press("Measure")
        bench.output.get_by_text("tg32 @ d128").wait_for(state="hidden")  # that of before
        bench.output.get_by_text("tg32 @ d128").wait_for()
        assert " cores" in notebook.run("computer = hardware.computer("), "the kernel is free meanwhile"
        for control in ("Engine", "Depths"):
            assert cell.get_by_label(control).is_disabled()
        bench.press("Stop")
        bench.output.get_by_text("Ended early: it was stopped.").wait_for()
        cell.get_by_role("button", name="Measure", disabled=False).wait_for()
        done = [len(case["samples"]) for case in bench.kept(tmp_path)]
        assert 0 < sum(done) < 20, "what there is stays, and no more is begun"


def test_a_browser_that_is_closed_stops_no_measurement_and_its_cell_finds_it_again(world, tmp_path) -> None:
    world.apply(chapter.plan(world, chapter.Params()))
    with opened_at(tmp_path) as (page, notebook):
        for words in ("engines = chapter.engines(", "report = chapter.measured("):
            notebook.run(words)
        bench = Bench(page, notebook.cell("benchmark.panel("))
        notebook.run("benchmark.panel(")
        bench.pick("Depths", "128 tokens")
        bench.repeat("End")
        bench.press("Measure")
        bench.output.get_by_text("tg32 @ d128").wait_for()
        page.reload()
        notebook = Notebook(page)
        cell = notebook.start("benchmark.panel(")
        cell.get_by_role("button", name="Stop").wait_for()
        bench = Bench(page, cell)
        bench.output.get_by_text("tg32 @ d128").wait_for()
        cell.get_by_role("button", name="Measure", disabled=False).wait_for()
        (case,) = bench.kept(tmp_path)
        assert len(case["samples"]) in TEN_TIMES
