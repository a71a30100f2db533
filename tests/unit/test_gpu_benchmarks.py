"""The benchmarks' chapter: what it plans from which states, what it refuses, and what it shows of a report."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from homelab.errors import HomelabError, ParamsError, PrerequisiteMissing
from homelab.gpu import catalogue
from homelab.gpu.bandwidth import Bandwidth
from homelab.llm.engine import Description
from homelab.machine import Pending
from homelab.panels import fit as panels
from homelab.params import Roles
from homelab.resources import llm_program, llm_server, login
from homelab.runner.request import understand
from homelab.stages import gpu_benchmarks as chapter
from homelab.stages import gpu_benchmarks_view as view
from homelab.stages.gpu_benchmarks import Params
from tests.unit.bench_reports import MEMORY, Fake, report, sample

LISTED = catalogue.read()
WISH = Params()
OFF, ON = login.State("NeedsLogin"), login.State("Running", "x", address="100.64.0.7")
RUNS = llm_server.State(chapter.FOLDER, chapter.PORT, True, 576, 1, 2)


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
def some_version(monkeypatch, tmp_path):
    """Whether the packages are there is another question; and records go nowhere else."""
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path))
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


def test_machines_that_nobody_plays_end_a_run_before_it_starts() -> None:
    with pytest.raises(ParamsError) as caught:
        understand(["09"], settings=["server=foocus", "asker=phnoe"])
    assert [p.hint for p in caught.value.problems] == ["did you mean 'fooocus'?", "did you mean 'phone'?"]
    assert chapter.problems(WISH, Roles(("tequila",), False)) == [], "a home measures beside the notebook"
    assert chapter.problems(Params(server="nas"), Roles(("tequila",), False))


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


def test_the_long_measurement_is_the_issues() -> None:
    long = chapter.asked(Params(thorough=True))
    assert (long.depths, long.repetitions, long.streams) == ((0, 512, 2048, 2500), 5, (1, 2, 4))
    assert chapter.asked(WISH).limit == 30


def test_the_share_of_the_bandwidth_is_arithmetic() -> None:
    shown = view.shares(report(), MEMORY)
    assert shown.rows[0] == ("0", "100.0 MB", "50.00 ± 0.00", "5.00 GB/s", "50%")
    assert shown.rows[1][1] == "110.2 MB"  # the weights and 512 tokens of cache
    assert view.shares(report("somebody"), MEMORY).rows[0][-1] == "~50%"
    assert view.shares(report(), Bandwidth(10.0, 0.1, (10.0,), 2, 0.5, 9.0)).rows[0][-1] == "~50%"


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        (Description("Ollama", weights=1, device="GPU"), "Ollama (GPU) on this machine"),
        (Description("Ollama", weights=1, device="CPU", host="tequila"), "Ollama (CPU) on tequila"),
        (Description("OpenAI-compatible", weights=1), "OpenAI-compatible on this machine"),
    ],
)
def test_what_this_machine_does_not_compute_is_not_called_so(engine, name) -> None:
    other = report()
    other.engine = engine
    assert view.shares(other, MEMORY).rows == ()
    assert "here," not in str(view.roofline(LISTED, other, MEMORY))
    assert f"{name} (home)" in str(view.price(LISTED, other))


def test_the_power_of_a_card_that_tells_it_is_not_assumed() -> None:
    assert view.ways(LISTED, report())[0].known == "measured, at 60 W assumed"
    told = report()
    told.cases[0].samples = [sample(50.0, joules=2.0)] * 3
    way = view.ways(LISTED, told)[0]
    assert way.known == "measured, at 100 W of the card measured"
    assert way.per_hour == pytest.approx(0.1 * LISTED.prices.per_kwh())
    told.engine = replace(told.engine, host="tequila")
    assert "assumed" in view.ways(LISTED, told)[0].known, "the card that we see is not the one that computes"


@pytest.mark.parametrize(("share", "mark"), [(1.0, ""), (0.5, "~")])
def test_a_memory_that_was_disturbed_says_so_everywhere(share, mark) -> None:
    memory = Bandwidth(10.0, 0.1, (10.0, 10.0), 2, share, 0.1)
    assert str(memory).startswith(f"{mark}10.0")
    assert memory.data()["disturbed"] == bool(mark)
    drawn = str(view.roofline(LISTED, report(), memory))
    assert ("this machine (~) 104" in drawn) == bool(mark)
    assert ("here, depth 0 (~): 50 tokens/s" in drawn) == bool(mark)


def test_what_our_asking_took_stands_beside_the_agreement() -> None:
    rows = view.agreement(report()).rows
    assert [(r[0], r[1], r[-1]) for r in rows] == [("decode", "0", "1.2%"), ("prefill", "512", "–"), ("decode", "512", "1.2%")]  # fmt: skip


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
        "tex2jax_ignore mathjax_ignore" in told._repr_mimebundle_()["text/html"]
    )  # else Jupyter sets "2 ÷ 7,200 = " as a formula


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
    assert str(drawn).startswith("Llama 3.1 8B, Q4_K_M with 2,500 tokens on GTX 1060 3 GB: spills")
    with pytest.raises(HomelabError, match="beyond the model's 4096"):
        panels.panel(LISTED, "phi3-mini", "t4", 5000)


def test_the_controls_draw_anew(monkeypatch) -> None:
    monkeypatch.delenv("HOMELAB_HEADLESS", raising=False)
    placed: list[Any] = []
    drawn: list[Any] = []
    monkeypatch.setattr(panels, "place", lambda *what: placed.append(what))
    monkeypatch.setattr(panels, "live", lambda: drawn.append)
    assert panels.panel(LISTED, "llama-3.2-3b", "gtx-1060-3gb", 2500) is None
    ((made, saved),) = placed
    assert saved == panels.SAVED
    (models, cards), depth = made.children[0].children, made.children[1]

    def seen() -> str:
        return drawn[-1].svg()

    assert "GTX 1060 3 GB: it fits, 88%" in seen()
    cards.value = "t4"
    assert "on T4: it fits" in seen()
    depth.value = 131072
    assert "131,072 tokens" in seen()
    models.value = "phi3-mini"  # made for 4096
    assert max(depth.options) == 4096
    assert f"Phi-3 mini 3.8B, Q4_K_M with {depth.value:,} tokens on T4" in seen()
