"""A report as JSON, CSV and a table; and what two reports say of each other."""

from __future__ import annotations

import csv
import io

import pytest

from homelab.errors import HomelabError
from homelab.llm import record
from homelab.llm.compare import compare, verdict
from homelab.llm.engine import Description
from homelab.llm.result import Case, Report, Sample, number


def report(*decodes: float, disturbed: tuple[str, ...] = (), **engine: object) -> Report:
    samples = [Sample(512, 32, 0, 240.0, d, 2.1, share=0.99, disturbed=disturbed) for d in decodes]
    about = Description(
        "xllamacpp", model="smollm2", weights=96_576_768, parameters=134_515_008, threads=2, device="CPU"
    )
    return Report(
        Description(**{**vars(about), **engine}), {"processors": 2}, len(decodes), 32, [Case(512, 1, samples)]
    )


def test_json_there_and_back() -> None:
    made = report(100.0, 102.0, disturbed=("a clock was set",))
    assert record.from_json(record.to_json(made)) == made


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"v": 1}', "cut off {", '{"v": 2}', "null"])
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(HomelabError):
        record.from_json(text)


def test_csv_has_every_repetition() -> None:
    rows = list(
        csv.DictReader(io.StringIO(record.to_csv({"report": report(100.0, 102.0, disturbed=("x", "y"))})))
    )
    assert [r["decode"] for r in rows] == ["100.0", "102.0"]
    assert rows[0]["disturbed"] == "x; y"
    assert rows[0]["joules"] == ""


def test_the_table_of_llama_bench() -> None:
    lines = record.markdown(report(100.0, 102.0)).splitlines()
    assert lines[0] == "| model | size | params | backend | threads | test | t/s | median |"
    assert lines[2] == "| smollm2 | 92.10 MiB | 134.52 M | CPU | 2 | pp512 | 240.00 ± 0.00 | 240.00 |"
    assert lines[3] == "| smollm2 | 92.10 MiB | 134.52 M | CPU | 2 | tg32 @ d512 | 101.00 ± 1.41 | 101.00 |"
    assert "101.00 ± 1.41" in report(100.0, 102.0)._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([100, 101, 99], [110, 111, 109], "faster: +10.0% ± 2.3%"),
        ([100, 101, 99], [90, 91, 89], "slower"),
        ([100, 120, 80], [110, 130, 90], "no difference that the spread lets one see"),
        ([100, 101, 99], [100.5, 101, 99], "no difference"),
        ([100], [110], "one repetition has no spread"),
        ([0, 0], [1, 1], "nothing to compare with"),
    ],
)
def test_a_verdict_respects_the_spread(before: list[float], after: list[float], said: str) -> None:
    assert (
        verdict("tg32", number(before), number(after)).said.startswith(said)
        or said in verdict("tg32", number(before), number(after)).said
    )


def test_no_verdict_of_a_disturbed_run_and_what_else_differs() -> None:
    found = compare(report(100.0, 101.0), report(50.0, 51.0, disturbed=("load",), threads=1))
    assert all("disturbed" in v.said for v in found.verdicts)
    assert "The runs differ in threads: 2 and 1." in found.differences
    assert "tg32 @ d512: 100.50 ± 0.71 → ~50.50 ± 0.71 tokens/s" in str(found)


def test_a_test_of_one_run_only() -> None:
    other = report(100.0, 101.0)
    other.cases[0].depth = 2500
    assert {v.said for v in compare(report(100.0, 101.0), other).verdicts} == {
        "measured in one of the runs only"
    }


def test_a_run_that_was_stopped_before_its_first_number_has_no_empty_table() -> None:
    stopped = Report(Description("xllamacpp"), {}, 3, 8, ended="it was stopped")
    html = stopped._repr_mimebundle_()["text/html"]
    assert "Ended early: it was stopped" in html
    assert "<table" not in html
