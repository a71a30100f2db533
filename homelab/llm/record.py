"""A report as JSON, as CSV with a line for every repetition, and as the table that llama-bench prints."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any

from homelab.errors import HomelabError
from homelab.llm.engine import Description
from homelab.llm.result import Case, Report, Sample

VERSION = 1


def to_json(report: Report) -> str:
    """Everything in it; `from_json` reads it."""
    return json.dumps({"v": VERSION, **dataclasses.asdict(report)}, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Report:
    """The report in `text`.

    Raises:
        HomelabError: it is no report, or one of another version.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        if data.pop("v") != VERSION:
            raise HomelabError("this report was written by another version", "", "measure again")
        cases = [
            Case(c["depth"], c["streams"], [_sample(s) for s in c["samples"]]) for c in data.pop("cases")
        ]
        return Report(engine=Description(**data.pop("engine")), cases=cases, **data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HomelabError(f"this is no report of a benchmark: {error}", "", "was it cut off?") from error


def _sample(data: dict[str, Any]) -> Sample:
    return Sample(**{**data, "disturbed": tuple(data["disturbed"])})


def to_csv(reports: Mapping[str, Report]) -> str:
    """A line for every repetition of every report, raw; tokens/s and seconds."""
    out = io.StringIO()
    fields = [f.name for f in dataclasses.fields(Sample)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", "date", "engine", "model", "depth", "streams", "repetition", *fields])
    for run, report in reports.items():
        about = [run, report.date, report.engine.engine, report.engine.model]
        for case in report.cases:
            for n, sample in enumerate(case.samples, 1):
                values = {**vars(sample), "disturbed": "; ".join(sample.disturbed)}
                told = ["" if values[f] is None else values[f] for f in fields]
                writer.writerow([*about, case.depth, case.streams, n, *told])
    return out.getvalue()


def markdown(report: Report) -> str:
    """The table that ``llama-bench -o md`` prints, with the median behind it, and our notes below."""
    e = report.engine
    size = f"{e.weights / 2**20:.2f} MiB" if e.weights else "?"
    params = f"{e.parameters / 1e6:.2f} M" if e.parameters else "?"
    head = ["model", "size", "params", "backend", "threads", "test", "t/s", "median"]
    lines = [_row(head), "| " + " | ".join(["---"] * 4 + ["---:"] * 4) + " |"]
    for name, _, _, number in report.rows():
        pace = f"{number} ({few})" if (few := report.few(number)) else str(number)
        about = [e.model or "?", size, params, e.device or e.engine, str(e.threads or "?")]
        lines.append(_row([*about, name, pace, f"{'~' if number.disturbed else ''}{number.median:.2f}"]))
    return "\n".join([*lines, *(["", *report.notes()] if report.notes() else [])])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
