"""Our adapter for Ollama against a stand-in, whose likeness the real client vouches for."""

from __future__ import annotations

from collections.abc import Iterator

import ollama as real
import pytest

from homelab import needs, web
from homelab.clients.json_api import ApiError
from homelab.errors import NoAnswer
from homelab.llm.engine import ContextTooLong, EngineGone, ModelUnknown
from homelab.llm.measure import Wish, measure
from homelab.llm.ollama import Ollama
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.plan import matches
from homelab.resources import ollama_model
from homelab.stages import gpu_benchmarks as chapter
from tests.component.ollama_standin import Standin, standin


@pytest.fixture
def server() -> Iterator[Standin]:
    with standin() as made:
        yield made


@pytest.fixture
def here(server: Standin, monkeypatch: pytest.MonkeyPatch) -> LocalMachine:
    monkeypatch.setattr(ollama_model, "URL", server.url)
    return LocalMachine("here", Reader(), Pending())


@pytest.fixture
def engine(server: Standin, here: LocalMachine) -> Ollama:
    return Ollama(web.session(here), server.url, "smollm2:135m")


def test_the_real_client_takes_the_standin_for_ollama(server: Standin) -> None:
    client = real.Client(host=server.url)
    assert [m.model for m in client.list().models] == ["smollm2:135m"]
    assert client.show("smollm2:135m").modelinfo["llama.context_length"] == 8192
    pieces = list(
        client.generate("smollm2:135m", "two words", stream=True, raw=True, options={"num_predict": 3})
    )
    assert [p.response for p in pieces] == [" a", " a", " a", ""]
    assert (pieces[-1].prompt_eval_count, pieces[-1].eval_count) == (2, 3)
    assert client.ps().models[0].size_vram == 0
    assert [p.status for p in client.pull("llama3.2:1b", stream=True)][-1] == "success"
    client.delete("llama3.2:1b")
    with pytest.raises(real.ResponseError):
        list(client.pull("nothing", stream=True))


def test_it_says_what_it_is(engine: Ollama) -> None:
    engine.load(1024)
    found = engine.describe()
    assert (found.engine, found.version, found.model) == ("Ollama", "0.17.4", "smollm2:135m")
    assert (found.quantization, found.parameters, found.trained_context) == ("Q4_1", 134515008, 8192)
    assert found.kv == 23_040
    assert (found.context, found.device) == (1024, "CPU")


def test_it_is_measured_like_every_other(engine: Ollama, server: Standin) -> None:
    server.pace = 0.01  # on a busy machine, pieces that come faster arrive together
    report = measure(engine, Wish(depths=(0, 200), repetitions=2, tokens=8, retries=0))
    assert not report.ended
    assert [name for name, *_ in report.rows()] == ["tg8", "pp200", "tg8 @ d200"]
    samples = [s for c in report.cases for s in c.samples]
    assert {(s.prompt_tokens, s.tokens) for s in samples} == {(16, 8), (200, 8)}
    assert all(s.engine_decode and s.decode for s in samples)
    asked = [body for path, body in server.asked if path == "/api/generate" and body.get("prompt")]
    assert all(body["raw"] and body["options"]["num_ctx"] == 240 for body in asked)
    beginnings = [tuple(body["prompt"].split()[:5]) for body in asked]
    assert len(set(beginnings)) == len(beginnings), "no prompt shares its beginning with another"


def test_bad_input(engine: Ollama, server: Standin, here: LocalMachine) -> None:
    with pytest.raises(ModelUnknown) as error:
        Ollama(web.session(here), server.url, "smolm2:135m").load(512)
    assert error.value.hint == "did you mean 'smollm2:135m'?"
    with pytest.raises(ContextTooLong, match="8192"):
        engine.load(9000)
    server.error = "model requires more system memory (4.9 GiB) than is available"
    with pytest.raises(ApiError, match="more system memory"):
        engine.generate(8, 8, 1)
    with pytest.raises(NoAnswer, match="nobody answers"):
        Ollama(web.session(here), "http://127.0.0.1:9", "x").describe()


def test_a_server_that_dies_on_the_way_leaves_what_was_measured(engine: Ollama, server: Standin) -> None:
    def dies(line: str) -> None:
        if line.startswith("depth 16:"):
            server.dies_after = 3

    report = measure(engine, Wish(depths=(0, 16, 32), repetitions=1, tokens=8, retries=0), say=dies)
    assert report.ended == "the engine stopped in the middle of an answer"
    assert [c.depth for c in report.cases] == [0, 16]
    with pytest.raises(EngineGone):
        engine.generate(8, 8, 1)


def test_a_model_is_pulled_with_progress_and_removed(server: Standin, here: LocalMachine) -> None:
    before, wanted = ollama_model.read(here, "llama3.2:1b"), ollama_model.wanted("llama3.2:1b")
    assert not before.present
    assert ollama_model.command(before, wanted) == ["ollama", "pull", "llama3.2:1b"]
    ollama_model.do(here, before, wanted)
    reached = ollama_model.read(here, "llama3.2:1b")
    assert matches(reached, wanted)
    assert reached.digest == "c" * 64
    assert ollama_model.command(reached, before) == ["ollama", "rm", "llama3.2:1b"]
    ollama_model.do(here, reached, before)
    assert ollama_model.read(here, "llama3.2:1b") == before


def test_a_pull_that_fails(server: Standin, here: LocalMachine) -> None:
    state = ollama_model.State("nothing", False)
    with pytest.raises(ModelUnknown) as error:
        ollama_model.do(here, state, ollama_model.wanted("nothing"))
    assert "ollama.com/library" in error.value.hint
    server.dies_after = 4
    with pytest.raises(EngineGone):
        ollama_model.do(here, state, ollama_model.wanted("llama3.2:1b"))


def test_how_much_of_a_pull_is_there() -> None:
    pull = ollama_model.Pull("x")
    assert pull.part == 0.0
    pull.take({"status": "pulling a", "digest": "a", "total": 2_000_000, "completed": 500_000})
    pull.take({"status": "pulling b", "digest": "b", "total": 2_000_000})
    assert pull.part == 0.125
    assert str(pull) == "x: pulling b, 0.5 of 4.0 MB"
    assert "width:12%" in pull._repr_mimebundle_()["text/html"]
    pull.take({"status": "success"})
    assert pull.part == 1.0


def test_no_server_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_model, "URL", "http://127.0.0.1:9")
    here = LocalMachine("here", Reader(), Pending())
    assert not ollama_model.read(here, "x").present
    with pytest.raises(NoAnswer):
        ollama_model.do(here, ollama_model.State("x", False), ollama_model.wanted("x"))


def test_the_chapter_fetches_what_the_servers_own_ollama_lacks_and_measures_it(
    server: Standin, here: LocalMachine, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    class Home:
        """A home of one machine."""

        machines = {"tequila": here}  # noqa: RUF012
        lab = None
        applies = True

        def __getitem__(self, role: str) -> LocalMachine:
            return self.machines[role]

    monkeypatch.setattr(needs, "missing", lambda world, conditions: [])
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path))
    home, wish = (
        Home(),
        chapter.Params(engine="ollama", server="tequila", served="llama3.2:1b", depths=[0], tokens=4),
    )
    made = chapter.plan(home, wish)
    assert [(c.machine, c.resource, c.command) for c in made] == [
        ("tequila", "ollama_model", "ollama pull llama3.2:1b")
    ]
    (change,) = made
    ollama_model.do(here, change.before, change.after)
    assert chapter.plan(home, wish).text() == "No changes."
    report = chapter.measured(chapter.engines(home, wish), chapter.asked(wish), say=None)
    assert (report.engine.model, report.engine.host) == ("llama3.2:1b", "")
    assert not report.ended
    foreign = chapter.plan(home, chapter.Params(engine="ollama", url=server.url, served="smollm2:135m"))
    assert not foreign.changes
    assert "Nothing is installed" in foreign.notes[0]
    gone = chapter.Params(engine="ollama", server="tequila", served="nothing")
    monkeypatch.setattr(ollama_model, "URL", "http://127.0.0.1:9")
    assert not chapter.plan(home, gone).changes, "nobody is there who could pull"
