"""The benchmarks' chapter: what it plans from which states, what it refuses, and what it shows of a report."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab.errors import HomelabError, ParamsError, PrerequisiteMissing
from homelab.gpu import catalogue
from homelab.gpu.bandwidth import Bandwidth
from homelab.gpu.hardware import Computer
from homelab.llm import record
from homelab.llm.engine import Description, Generated
from homelab.llm.result import Case, Report, Sample
from homelab.machine import Pending
from homelab.panels import fit as panels
from homelab.resources import llm_program, llm_server, login
from homelab.stages import gpu_benchmarks as chapter
from homelab.stages import gpu_benchmarks_view as view
from homelab.stages.gpu_benchmarks import Params

LISTED = catalogue.read()
WISH = Params()
OFF, ON = login.State("NeedsLogin"), login.State("Running", "x", address="100.64.0.7")
RUNS = llm_server.State(chapter.FOLDER, chapter.PORT, True, 576, 1, 2)
MEMORY = Bandwidth(10.0, 0.1, (10.0, 10.0), 2, 1.0, 0.1)


class Somewhere:
    """A world of given states."""

    def __init__(self, monkeypatch, *, roles=("fooocus", "phone"), logins=ON, engine=True, runs=RUNS, lab=True) -> None:  # fmt: skip
        self.machines = {r: SimpleNamespace(name=r, pending=Pending()) for r in roles}
        self.lab, self.applies, self.tailnet = ("lab" if lab else None), lab, None
        self.login_server = "https://controlplane.tailscale.com"
        self.params = SimpleNamespace(path=SimpleNamespace(name="home.yaml"))
        there = llm_program.wanted(chapter.FOLDER) if engine else llm_program.State(chapter.FOLDER, False)
        monkeypatch.setattr(chapter.os, "cpu_count", lambda: 2)
        monkeypatch.setattr(chapter, "missing", lambda: "")
        monkeypatch.setattr(login, "read", lambda m, name="": logins)
        monkeypatch.setattr(llm_program, "read", lambda m, name: there)
        monkeypatch.setattr(llm_server, "read", lambda m, name: runs)

    def __getitem__(self, role):
        return self.machines[role]


@pytest.fixture(autouse=True)
def some_version(monkeypatch):
    """Whether the packages are there is another question."""
    monkeypatch.setattr(llm_program, "wanted", lambda folder: llm_program.State(folder, True, "1.0"))


def words(plan) -> list[str]:
    return [f"{c.machine}/{c.resource}" for c in plan]


ENGINE = ["fooocus/llm_program", "fooocus/llm_server"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, []),
        ({"logins": OFF}, ["fooocus/login", "phone/login"]),
        ({"engine": False, "runs": llm_server.State(chapter.FOLDER, chapter.PORT, False)}, ENGINE),
        ({"runs": llm_server.State(chapter.FOLDER, chapter.PORT, True, 256, 1, 2)}, ENGINE[1:]),
        ({"roles": ("tequila",), "lab": False}, []),
        ({"roles": ("phone",), "lab": False, "logins": OFF}, ["phone/login"]),
    ],
)
def test_plan(monkeypatch, given, wanted) -> None:
    assert words(chapter.plan(Somewhere(monkeypatch, **given), WISH)) == wanted


def test_somebody_elses_engine_is_left_alone(monkeypatch) -> None:
    world = Somewhere(monkeypatch, engine=False, lab=False)
    made = chapter.plan(world, Params(engine="ollama", url="http://tequila:11434"))
    assert words(made) == []
    assert "http://tequila:11434" in made.notes[0]


def test_without_its_packages_the_rest_is_planned(monkeypatch) -> None:
    world = Somewhere(monkeypatch, logins=OFF, engine=False)
    monkeypatch.setattr(chapter, "missing", lambda: chapter.NOT_HERE)
    made = chapter.plan(world, WISH)
    assert words(made) == ["fooocus/login", "phone/login"]
    assert "./runbook run 09" in made.notes[0]
    assert chapter.engines(world, WISH) == {}
    report = chapter.measured({}, chapter.asked(WISH))
    assert report.ended == chapter.NOT_HERE
    assert chapter.quiet(report).status == "skip"


def test_machines_that_the_lab_lacks(monkeypatch) -> None:
    with pytest.raises(ParamsError) as caught:
        chapter.plan(Somewhere(monkeypatch), Params(server="foocus", asker="phnoe"))
    assert [p.hint for p in caught.value.problems] == ["did you mean 'fooocus'?", "did you mean 'phone'?"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"tokens": 0}, "tokens"),
        ({"tokens": 1}, "tokens"),
        ({"repetitions": 0}, "repetitions"),
        ({"depths": []}, "depths"),
        ({"depths": [-1]}, "0 or more"),
        ({"depths": [0, 0]}, "different"),
        ({"depths": [8192]}, "made for 8192"),
        ({"limit": -1}, "limit"),
        ({"limit": float("inf")}, "limit"),
        ({"context": 0}, "context"),
        ({"model": "llama-3.2-3c"}, "did you mean 'llama-3.2-3b'"),
        ({"card": "gtx1060"}, "has no 'gtx1060'"),
        ({"model": "phi3-mini", "context": 5000}, "made for 4096"),
        ({"engine": "olama"}, "engine"),
        ({"engine": "openai"}, "needs its url"),
        ({"url": "http://tequila:11434"}, "the embedded engine has no url"),
        ({"engine": "ollama", "url": "tequila:11434"}, "must be an address"),
        ({"fooocus_url": "ftp://fooocus"}, "must be an address"),
        ({"asker": "fooocus"}, "must differ"),
        ({"server": ""}, "server"),
        ({"compare_with": "/no/such/report.json"}, "cannot be read"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(given, word) -> None:
    with pytest.raises(ValidationError, match=word) as caught:
        Params(**given)
    assert caught.value.error_count() == 1


def test_an_earlier_record_that_is_none(tmp_path) -> None:
    (tmp_path / "report.json").write_text('{"v": 1, "cases": [')
    with pytest.raises(ValidationError, match="was it cut off"):
        Params(compare_with=str(tmp_path / "report.json"))


def test_the_long_measurement_is_the_issues() -> None:
    long = chapter.asked(Params(thorough=True))
    assert (long.depths, long.repetitions, long.streams) == ((0, 512, 2048, 2500), 5, (1, 2, 4))
    assert chapter.asked(WISH).limit == 30


def sample(decode: float, disturbed: tuple[str, ...] = (), prefill: float | None = None) -> Sample:
    return Sample(16, 32, 0, prefill, decode, 0.1, prefill, decode, disturbed=disturbed)


def report(*disturbed: str) -> Report:
    engine = Description(
        "an engine", model="m", weights=100_000_000, kv=20_000, parameters=135_000_000, device="CPU"
    )
    cases = [
        Case(0, 1, [sample(50.0, disturbed) for _ in range(3)]),
        Case(512, 1, [sample(40.0, disturbed, 200.0) for _ in range(3)]),
    ]
    return Report(engine, {}, 3, 32, cases)


def test_the_share_of_the_bandwidth_is_arithmetic() -> None:
    shown = view.shares(report(), MEMORY)
    assert shown.rows[0] == ("0", "100.0 MB", "50.00 ± 0.00", "5.00 GB/s", "50%")
    assert shown.rows[1][1] == "110.2 MB"  # the weights and 512 tokens of cache
    assert view.shares(report("somebody"), MEMORY).rows[0][-1] == "~50%"
    assert view.shares(report(), Bandwidth(10.0, 0.1, (10.0,), 2, 0.5, 9.0)).rows[0][-1] == "~50%"


def test_the_memory_of_another_machine_is_not_compared() -> None:
    other = report()
    other.engine = Description("Ollama", weights=1, device="GPU")
    assert view.shares(other, MEMORY).rows == ()
    assert "here," not in str(view.roofline(LISTED, other, MEMORY))


def test_a_disturbed_number_is_never_silent() -> None:
    bad = report("somebody")
    assert "(disturbed)" in str(view.by_depth(bad))
    assert "(~)" in str(view.roofline(LISTED, bad, MEMORY))
    assert "(~)" in str(view.price(LISTED, bad))
    assert "~" in str(view.agreement(bad))
    assert chapter.quiet(bad).status == "warn"
    assert chapter.quiet(report()).status == "ok"


def test_a_report_of_nothing_can_be_shown() -> None:
    nothing = chapter.measured({}, chapter.asked(WISH))
    for shown in (view.by_depth(nothing), view.shares(nothing, MEMORY), view.agreement(nothing)):
        assert str(shown)
    assert "the talk" in str(view.price(LISTED, nothing))
    assert "the talk's" in str(view.roofline(LISTED, nothing, MEMORY))


def test_prices_have_the_talks_beside_ours() -> None:
    told = str(view.price(LISTED, report()))
    assert "$277.78" in told
    assert "this machine, 0.14B" in told
    assert "cheaper after" in str(view.pays(LISTED))
    told = view.claims(LISTED)
    assert len(told.rows) == 7
    assert (
        "tex2jax_ignore" in told._repr_mimebundle_()["text/html"]
    )  # else Jupyter sets "2 ÷ 7,200 = " as a formula


def test_the_record_goes_into_the_runs_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path))
    shown = view.saved(report(), Computer("a CPU", 2, 10, 5), MEMORY)
    folder = tmp_path / "benchmarks"
    assert {row[0] for row in shown.rows} == {f"benchmarks/{f.name}" for f in folder.iterdir()}
    text = (folder / "report.json").read_text()
    assert record.to_json(record.from_json(text)) == text
    assert json.loads((folder / "machine.json").read_text())["bandwidth"]["mean"] == 10.0
    assert Params(compare_with=str(folder / "report.json")).compare_with == str(folder / "report.json")
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(folder / "report.json"))
    with pytest.raises(HomelabError, match="cannot be written"):
        view.saved(report(), Computer("a CPU", 2, 10, 5), MEMORY)


class Fake:
    """An engine that answers at once; it has no processor time."""

    name = "fake"

    def describe(self) -> Description:
        return Description("fake", model="m", threads=1)

    def load(self, context: int, slots: int = 1) -> float:
        return 0.0

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        return Generated(prompt_tokens, tokens, 0.0, 0.1, 0.2, 0.2, engine_prompt=0.09)

    def cpu(self) -> None:
        return None


def test_the_place_that_measures_is_the_one_asked_for(capsys) -> None:
    asked = chapter.asked(Params(depths=[0], repetitions=1))
    for place in ("phone", "nobody", ""):
        made = chapter.measured({"fooocus": Fake(), "phone": Fake()}, asked, place)
        assert made.case(0).samples
    assert "depth 0" in capsys.readouterr().out


@pytest.mark.parametrize(("others", "status"), [(0.0, "ok"), (1.5, "warn")])
def test_the_first_word_says_whether_it_was_quiet(monkeypatch, others, status) -> None:
    busy = iter((0.0, others * 10))
    snap = chapter.host_load.Snapshot
    times = iter((100.0, 110.0))

    def now(engine=None):
        at = next(times)
        return snap(at, at, next(busy), 0.0, None, 0.0)

    monkeypatch.setattr(chapter.host_load, "snapshot", now)
    found, calm = chapter.first_word({"fooocus": Fake(), "phone": Fake()}, WISH)
    assert [p.place for p in found.places] == ["fooocus", "phone"]
    assert calm.status == status
    marked = status == "warn"
    assert ("fooocus: ~100.0 = ~90.0 engine + ~10.0 way" in str(found)) == marked
    assert ("~100.0" in found._repr_mimebundle_()["text/html"]) == marked


def test_what_lacks_a_package_is_skipped() -> None:
    def work() -> object:
        raise PrerequisiteMissing("no weights", "", "install them")

    assert chapter.tried("upscaling", work).status == "skip"
    assert chapter.tried("upscaling", lambda: 1) == 1


def test_no_fooocus_is_a_skip(monkeypatch) -> None:
    assert chapter.painted(Somewhere(monkeypatch), WISH).status == "skip"


def test_the_panel_is_a_picture_where_nobody_presses(monkeypatch) -> None:
    monkeypatch.setenv("HOMELAB_HEADLESS", "1")
    drawn = panels.panel(LISTED, "llama-3.1-8b", "gtx-1060-3gb", 2500)
    assert "spills: 16 of 32 layers on the card, 180%" in drawn.svg()
    assert "here the memory ends: 3.0 GiB" in drawn.svg()
    assert "2.4 GiB too much" in str(drawn)
    with pytest.raises(HomelabError, match="beyond the model's 4096"):
        panels.panel(LISTED, "phi3-mini", "t4", 5000)


def test_the_controls_draw_anew(monkeypatch) -> None:
    monkeypatch.delenv("HOMELAB_HEADLESS", raising=False)
    made = panels.panel(LISTED, "llama-3.2-3b", "gtx-1060-3gb", 2500)
    (models, cards), depth, shown = made.children[0].children, made.children[1], made.children[2]

    def seen() -> str:
        (output,) = shown.outputs
        return output["data"]["text/html"]

    assert "GTX 1060 3 GB: it fits, 88%" in seen()
    cards.value = "t4"
    assert "on T4: it fits" in seen()
    depth.value = 131072
    assert "131,072 tokens" in seen()
    models.value = "phi3-mini"  # made for 4096
    assert max(depth.options) == 4096
    assert f"Phi-3 mini 3.8B, Q4_K_M with {depth.value:,} tokens on T4" in seen()


def test_an_engine_without_a_token_is_not_called_quiet() -> None:
    none = Sample(16, 0, 0, None, None, 0.0, disturbed=("no token came",))
    silent = Report(Description("an engine"), {}, 3, 32, [Case(0, 1, [none] * 5)])
    found = chapter.quiet(silent)
    assert (found.status, found.evidence) == ("fail", "no token came in 5 of 5 repetitions")
    assert "no number comes out of them" in silent.notes()[-1]


def test_disturbed_repetitions_without_a_pace_are_not_called_quiet() -> None:
    at_once = Sample(16, 32, 0, None, None, 0.1, disturbed=("all tokens came at once",))
    assert (
        chapter.quiet(Report(Description("an engine"), {}, 3, 32, [Case(0, 1, [at_once] * 5)])).status
        == "warn"
    )


def test_an_engine_that_died_is_not_noise() -> None:
    died = Report(Description("an engine"), {}, 3, 32, [Case(0, 1, [sample(50.0)])], ended="it died", failed=True)  # fmt: skip
    found = chapter.complete(died)
    assert (found.status, found.evidence) == ("fail", "it died; 1 repetition came before")
    assert "log" in found.hint
    assert chapter.quiet(died).status == "ok", "nobody else computed"
    assert "50.00 (1 of 3)" in record.markdown(died)
    assert "1 of 3" in died._repr_mimebundle_()["text/html"]
    assert record.from_json(record.to_json(died)).failed


def test_out_of_time_is_not_the_engines_fault() -> None:
    late = report()
    assert chapter.complete(late).status == "ok"
    assert " of 3" not in str(late)
    late.ended = "30 s were over"
    assert chapter.complete(late).status == "warn"
    assert chapter.complete(chapter.measured({}, chapter.asked(WISH))).status == "skip"
