"""The real engine with its real small model, in a process of its own; nothing here asks how fast this machine is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from homelab.errors import HomelabError
from homelab.gpu.gguf_file import NotGguf
from homelab.llm import embedded, model
from homelab.llm.engine import ContextTooLong, EngineGone, OutOfMemory
from homelab.llm.measure import Wish, measure

SMALL = Wish(depths=(0, 128), repetitions=2, tokens=16, retries=0)


@pytest.fixture(scope="module")
def engine() -> Iterator[embedded.Embedded]:
    with embedded.Embedded(threads=1, waiting="passive") as made:
        made.load(512)
        yield made


def test_it_says_what_it_is(engine: embedded.Embedded) -> None:
    found = engine.describe()
    assert found.engine == "xllamacpp (llama.cpp)"
    assert found.model == "SmolLM2-135M-Instruct.Q4_1"
    assert found.sha256.startswith("b179c952")
    assert (found.weights, found.kv, found.parameters) == (96_576_768, 23_040, 134_515_008)
    assert (found.trained_context, found.context, found.threads) == (8192, 512, 1)
    assert found.version
    assert "waiting passive" in found.build


def test_real_counts_a_new_prompt_each_time_and_nothing_from_a_cache(engine: embedded.Embedded) -> None:
    twice = [engine.generate(100, 5, 7) for _ in range(2)]
    assert [(g.prompt_tokens, g.tokens, g.cached) for g in twice] == [(100, 5, 0), (100, 5, 0)]
    assert all(g.start < g.first <= g.last <= g.end for g in twice)
    assert all(g.engine_prompt and g.engine_decode for g in twice)


def test_our_clock_and_the_engines_agree(engine: embedded.Embedded) -> None:
    """The strict bounds are the benchmark's: here others compute meanwhile, and the middle one must do."""
    report = measure(engine, SMALL)
    samples = [s for c in report.cases for s in c.samples]
    assert not report.ended
    assert [name for name, *_ in report.rows()] == ["tg16", "pp128", "tg16 @ d128"]
    assert 0.9 < median(s.decode / s.engine_decode for s in samples) < 1.1
    assert 0.9 < median(s.prefill / s.engine_prefill for s in samples if s.prefill) < 1.1
    assert all(s.share and 0 < s.share < 1.2 for s in samples)
    assert all(s.asking and 0 < s.asking < 0.5 for s in samples), (
        "what our own side of it takes is measured too"
    )


def test_streams_share_the_engine() -> None:
    with embedded.Embedded(threads=1, waiting="passive") as made:
        report = measure(made, Wish(depths=(0,), repetitions=1, tokens=8, retries=0, streams=(2,)))
        assert made.describe().slots == 2
    assert report.cases[1].samples[0].tokens == 16


def test_it_dies_and_what_was_measured_stays() -> None:
    with embedded.Embedded(threads=1, waiting="passive") as made:

        def kill(line: str) -> None:
            if line.startswith("depth 0"):
                os.kill(made.pid, signal.SIGKILL)

        report = measure(made, SMALL, say=kill)
        assert report.ended == "the embedded engine ended with status -9"
        assert len(report.cases[0].samples) == 1
        assert "Ended early" in str(report)
        with pytest.raises(EngineGone):
            made.generate(8, 2, 1)


def test_too_much_context_and_too_little_memory_are_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = embedded.Embedded()
    with pytest.raises(ContextTooLong, match="9000 tokens of context are more than"):
        made.load(9000)
    need = model.bundled().size + embedded.OVERHEAD + 23_040 * 1000
    monkeypatch.setattr("homelab.llm.host_load.available", lambda: need)
    with pytest.raises(OutOfMemory) as error:
        made.load(2048)
    assert error.value.largest == 1000
    assert "the largest context that fits is 1000 tokens" in error.value.hint
    monkeypatch.setattr("homelab.llm.host_load.available", lambda: 1000)
    with pytest.raises(OutOfMemory, match="free"):
        made.load(2048)
    assert made.pid == 0
    with pytest.raises(EngineGone, match="not loaded"):
        made.generate(8, 2, 1)


def test_half_a_model_and_no_model(tmp_path: Path) -> None:
    whole = model.bundled()
    half = tmp_path / "half.gguf"
    with Path(whole.path).open("rb") as file:
        half.write_bytes(file.read(20_000_000))
    with pytest.raises(NotGguf):
        model.look(str(half))
    with embedded.Embedded(model.Model(str(half), "half"), threads=1) as made:
        with pytest.raises(HomelabError, match="could not be loaded") as error:
            made.load(128)
        assert "half.gguf" in error.value.what
    (tmp_path / "no.gguf").write_text("hello")
    with pytest.raises(NotGguf):
        model.look(str(tmp_path / "no.gguf"))
    with pytest.raises(NotGguf):
        model.look(str(tmp_path / "missing.gguf"))
