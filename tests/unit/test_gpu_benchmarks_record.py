"""What the benchmarks' chapter keeps, whatever happens, and what it says of an engine that failed."""

from __future__ import annotations

import csv
import json
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from homelab.check import Answer
from homelab.errors import HomelabError
from homelab.gpu.hardware import Computer
from homelab.llm import record
from homelab.llm.engine import Description, EngineGone, Generated
from homelab.llm.first_token import FirstToken, FirstTokens
from homelab.llm.result import Case, Report, Sample, number
from homelab.stages import gpu_benchmarks as chapter
from homelab.stages.gpu_benchmarks import Params
from homelab.stages.gpu_benchmarks_record import Kept, keep
from tests.unit.bench_reports import MEMORY, Fake, report, sample

WISH = Params()


@pytest.fixture(autouse=True)
def into(monkeypatch, tmp_path):
    """Records go nowhere else."""
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path))


def test_an_earlier_record_that_is_none(tmp_path) -> None:
    (tmp_path / "report.json").write_text('{"v": 1, "cases": [')
    with pytest.raises(ValidationError, match="was it cut off"):
        Params(compare_with=str(tmp_path / "report.json"))


@dataclass
class Shown:
    """A measurement of something else."""

    what: str = "upscaling"

    def text(self) -> str:
        return f"{self.what} took 1 s"

    def record(self) -> dict:
        times = [{"seconds": 1.0, "share": None, "load": 0.5, "disturbed": ["somebody", "else"]}]
        return {"kind": "measurement", "what": self.what, "engine": "ncnn", "repetitions": times}


WAITS = FirstTokens(
    32, (FirstToken("phone", number([0.2]), number([0.1]), number([0.1]), (0.2,), (0.1,)),), engine="e"
)


def test_the_record_goes_into_the_runs_folder(monkeypatch, tmp_path) -> None:
    skipped = Answer("Fooocus paints", "here", "skip", "no Fooocus is named")
    found = Kept(Computer("a CPU", 2, 10, 5), WAITS, report(), report("a film"), MEMORY, (Shown(), skipped))
    shown = keep(found)
    folder = tmp_path / "benchmarks"
    assert {row[0] for row in shown.rows} == {f"benchmarks/{f.name}" for f in folder.iterdir()}
    text = (folder / "report.json").read_text()
    assert record.to_json(record.from_json(text)) == text
    assert record.from_json((folder / "again.json").read_text()).cases[0].samples[0].disturbed == ("a film",)
    assert json.loads((folder / "machine.json").read_text())["bandwidth"]["disturbed"] is False
    told = json.loads((folder / "times.json").read_text())
    assert [t.get("what") or t["name"] for t in told] == ["first token", "upscaling", "Fooocus paints"]
    rows = list(csv.DictReader((folder / "times.csv").open()))
    assert [(r["what"], r["place"], r["repetition"], r["seconds"], r["engine_seconds"], r["disturbed"]) for r in rows] == [
        ("first token", "phone", "1", "0.2", "0.1", ""), ("upscaling", "", "1", "1.0", "", "somebody; else"),
    ]  # fmt: skip
    runs = [r["run"] for r in csv.DictReader((folder / "report.csv").open())]
    assert (runs.count("report"), runs.count("again")) == (6, 6)
    page = (folder / "report.md").read_text()
    for word in (
        "| t/s | median |",
        "## The same once more",
        "~40.00",
        "from phone: 200.0",
        "upscaling took",
        "a CPU",
    ):
        assert word in page
    assert Params(compare_with=str(folder / "report.json")).compare_with == str(folder / "report.json")
    keep(Kept(report=report()))
    assert {f.name for f in folder.iterdir()} == {"report.json", "report.csv", "report.md"}, (
        "nothing of an earlier run"
    )
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(folder / "report.json"))
    with pytest.raises(HomelabError, match="cannot be written"):
        keep(found)


class Dies(Fake):
    """Lets itself be asked a few times; `look` is called each time before."""

    def __init__(self, look, times: int) -> None:
        self.look, self.left = look, times

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        self.look()
        self.left -= 1
        if self.left < 0:
            raise EngineGone("the engine died", "here")
        return super().generate(prompt_tokens, tokens, seed)


@pytest.mark.parametrize("again", [False, True])
def test_what_was_measured_is_kept_from_the_first_repetition_on(tmp_path, again) -> None:
    file = tmp_path / "benchmarks" / ("again.json" if again else "report.json")
    seen: list[tuple[int, str]] = []

    def look() -> None:
        if file.exists():
            now = record.from_json(file.read_text())
            seen.append((sum(len(c.samples) for c in now.cases), now.ended))

    into = Kept(Computer("a CPU", 2, 10, 5), report=report() if again else None)
    made = chapter.measured({"fooocus": Dies(look, 4)}, chapter.asked(WISH), into=into, again=again, say=None)
    assert seen == [(1, "it was not finished"), (2, "it was not finished"), (3, "it was not finished")]
    last = record.from_json(file.read_text())
    assert (last, made.failed, made.ended) == (made, True, "the engine died")
    assert last.host["cpu"] == "a CPU"
    assert (into.again if again else into.report) is made
    assert (tmp_path / "benchmarks/report.json").exists()
    assert chapter.complete(made).status == "fail"


def test_the_second_measurement_is_the_first_ones() -> None:
    assert chapter.once_more(WISH) == chapter.asked(WISH)
    long = chapter.once_more(Params(thorough=True))
    assert (long.depths, long.repetitions, long.streams, long.limit) == ((0, 512), 5, (1,), 30)


def test_the_place_that_measures_is_the_one_asked_for(capsys) -> None:
    asked = chapter.asked(Params(depths=[0], repetitions=1))
    for place in ("phone", "nobody", ""):
        made = chapter.measured({"fooocus": Fake(), "phone": Fake()}, asked, place)
        assert made.case(0).samples
    assert "depth 0" in capsys.readouterr().out


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


def test_two_who_keep_at_once_do_not_write_into_one_file(monkeypatch, tmp_path) -> None:
    write, inside, most, names = Path.write_text, [], [], []

    def slowly(self: Path, text: str) -> int:
        inside.append(self)
        names.append(self.name)
        most.append(len(inside))
        waiting.wait(0.05)  # room for the other one
        inside.remove(self)
        return write(self, text)

    waiting = threading.Event()
    monkeypatch.setattr(Path, "write_text", slowly)
    both = [threading.Thread(target=keep, args=(Kept(report=report()),)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(10)
    assert max(most) == 1
    assert len(set(names)) == 3, "report.json, .csv and .md"
    assert {f.name for f in (tmp_path / "benchmarks").iterdir()} == {"report.json", "report.csv", "report.md"}
