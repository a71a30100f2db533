"""What the benchmarks' chapter keeps: everything that was measured, in the run's folder, from the first repetition on."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from homelab.errors import HomelabError
from homelab.llm import record
from homelab.params import PARAMS
from homelab.pictures.tables import Table

if TYPE_CHECKING:
    from homelab.gpu.bandwidth import Bandwidth
    from homelab.gpu.hardware import Computer
    from homelab.llm.first_token import FirstTokens
    from homelab.llm.result import Report

UNFINISHED = "it was not finished"
_writing = threading.Lock()  # the panel's measurement keeps its record beside the cells that keep theirs
WHAT = {
    "report.json": "everything about the engine, for compare_with",
    "report.csv": "a line for every repetition, raw",
    "report.md": "the table as llama-bench prints it, and the rest in words",
    "again.json": "the second measurement",
    "chosen.json": "the last measurement that was chosen in the panel",
    "times.json": "first words, pictures, speech: everything",
    "times.csv": "the same, a line for every repetition",
    "machine.json": "processor, memory, cards, bandwidth",
}


class Measured(Protocol):
    """Pictures and speech, or the answer that says why they were skipped."""

    def text(self) -> str:
        """For people."""
        ...

    def record(self) -> dict[str, Any]:
        """Plain data."""
        ...


@dataclasses.dataclass
class Kept:
    """All that this run measured so far: filled as it goes on, and kept each time."""

    computer: Computer | None = None
    waits: FirstTokens | None = None
    report: Report | None = None
    again: Report | None = None
    memory: Bandwidth | None = None
    others: tuple[Measured, ...] = ()
    chosen: Report | None = None


def place() -> Path:
    """Where a record is kept: the run's folder, else ``runs``, and in it ``benchmarks``."""
    return Path(os.environ.get("HOMELAB_RUN_FOLDER") or PARAMS.parent / "runs") / "benchmarks"


def keep(kept: Kept) -> Table:
    """Write the record into the run's folder, else ``runs/benchmarks``; what is there of it is replaced.

    Raises:
        HomelabError: it cannot be written.
    """
    folder = place()
    with _writing:
        files = _files(kept)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in WHAT:
                if name in files:
                    _replace(folder / name, files[name])
                else:
                    (folder / name).unlink(missing_ok=True)  # an earlier run's, outside of a run's own folder
        except OSError as error:
            raise HomelabError(
                f"cannot be written: {error.strerror}", str(folder), "make room there"
            ) from error
    rows = tuple((f"benchmarks/{name}", WHAT[name]) for name in files)
    return Table(("file in the run's folder", "what it is"), rows)


def so_far(report: Report) -> Report:
    """`report` as it is kept while it is measured: whoever finds it later must know that there is no more."""
    return dataclasses.replace(report, ended=report.ended or UNFINISHED)


def _replace(path: Path, text: str) -> None:
    """Never half a file, even if we are killed; nor another's, where two notebooks write into one folder."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        beside.write_text(text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _files(kept: Kept) -> dict[str, str]:
    all_runs = (("report", kept.report), ("again", kept.again), ("chosen", kept.chosen))
    runs = {name: found for name, found in all_runs if found}
    files = {f"{name}.json": record.to_json(found) for name, found in runs.items()}
    files |= {"report.csv": record.to_csv(runs), "report.md": _markdown(kept)}
    if kept.waits or kept.others:
        told = [shown.record() for shown in (kept.waits, *kept.others) if shown]
        files["times.json"] = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
        files["times.csv"] = _times(told)
    if kept.computer or kept.memory:
        machine = {
            "computer": dataclasses.asdict(kept.computer) if kept.computer else None,
            "bandwidth": kept.memory.data() if kept.memory else None,
        }
        files["machine.json"] = json.dumps(machine, indent=1) + "\n"
    return files


def _times(told: list[dict[str, Any]]) -> str:
    """A line for every repetition of every measurement in `told`."""
    out = io.StringIO()
    columns = ["what", "engine", "place", "repetition", "seconds", "engine_seconds", "share", "load", "disturbed"]  # fmt: skip
    writer = csv.DictWriter(out, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for found in told:
        counts: dict[str, int] = {}
        for one in found.get("repetitions", ()):
            place = one.get("place", "")
            counts[place] = counts.get(place, 0) + 1
            row = {"what": found["what"], "engine": found["engine"], "repetition": counts[place], **one}
            row["disturbed"] = "; ".join(one["disturbed"])
            writer.writerow({k: "" if v is None else v for k, v in row.items()})
    return out.getvalue()


def _markdown(kept: Kept) -> str:
    parts = [record.markdown(kept.report)] if kept.report else []
    if kept.again:
        parts.append(f"## The same once more\n\n{record.markdown(kept.again)}")
    if kept.chosen:
        parts.append(f"## As chosen\n\n{record.markdown(kept.chosen)}")
    if kept.waits:
        parts.append(f"## The first word\n\n{_quoted(str(kept.waits))}")
    if kept.others:
        parts.append(
            "## Pictures and speech\n\n" + "\n\n".join(_quoted(shown.text()) for shown in kept.others)
        )
    machine = [str(shown) for shown in (kept.computer, kept.memory) if shown]
    if machine:
        parts.append("## The machine\n\n" + _quoted("\n".join(machine)))
    return "\n\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    return f"```text\n{text}\n```"
