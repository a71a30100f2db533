"""The world's append-only journal: every change that was applied, with its stage, and how to take it back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homelab import history
from homelab import plan as plans
from homelab.errors import HomelabError
from homelab.history import Entry
from homelab.plan import Change, Plan
from homelab.record import masked

SCHEMA = 1


class Journal:
    """A file of JSON lines: what was begun, and what became of it; `params` is the params file of its world."""

    def __init__(self, path: Path, params: str = "") -> None:
        self.path, self.params = path, params

    def begin(self, run: str, change: Change, stage: str) -> None:
        """Write down a change that is about to be made: if we are killed in it, it can still be taken back.

        Raises:
            HomelabError: the file cannot be written.
        """
        self._write({"run": run, "stage": stage, "begun": True, **change.data()})

    def append(self, run: str, change: Change, stage: str) -> None:
        """Write down an applied change, durably, before the next one starts.

        Raises:
            HomelabError: the file cannot be written.
        """
        self._write({"run": run, "stage": stage, **change.data()})

    def found_so(self, run: str, change: Change, stage: str) -> None:
        """Write down that what `change` leads to is so already: with a beginning of its own, for every end has one.

        Raises:
            HomelabError: the file cannot be written.
        """
        self.begin(run, change, stage)
        self.append(run, change, stage)

    def failed(self, run: str, change: Change, error: str) -> None:
        """Write down a change that failed, so that later stages of the run need not try it again.

        Raises:
            HomelabError: the file cannot be written.
        """
        self._write({"run": run, "failed": error, **change.data()})

    def failure(self, run: str, change: Change) -> str:
        """How the same change failed earlier in this run; empty when it did not."""
        wanted = masked(change.data())
        keys = ("machine", "resource", "name", "after")
        for data in self._lines():
            if "failed" in data and data["run"] == run and all(data[k] == wanted[k] for k in keys):
                return str(data["failed"])
        return ""

    def _write(self, data: dict[str, Any]) -> None:
        line = json.dumps(masked({"schema": SCHEMA, "at": time.time(), "params": self.params, **data}))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise HomelabError(f"the journal cannot be written: {error.strerror}", str(self.path)) from error

    def entries(self, run: str | None = None) -> list[Entry]:
        """The entries, oldest first; of one run if it is named. A change that was begun and has no end is one of them.

        Raises:
            HomelabError: a line was written by a newer version.
        """
        found: list[Entry] = []
        ended: set[tuple[str, ...]] = set()
        for data in reversed(list(self._lines())):
            key = tuple(data[k] for k in ("run", "machine", "resource", "name"))
            if "begun" in data:
                if key in ended:
                    ended.remove(key)
                    continue
            else:
                ended.add(key)
            if "failed" not in data and run in (None, data["run"]):
                found.append(Entry(data["at"], data["run"], data["stage"], Change.load(data)))
        return found[::-1]

    def knows(self, run: str) -> bool:
        """Whether `run` has changed, or tried to change, something of this world."""
        return any(data["run"] == run for data in self._lines())

    def written_for(self, run: str) -> str:
        """The params file of the world in which `run` has changed something; empty where it is not known here."""
        return next((str(d["params"]) for d in self._lines() if d["run"] == run and d.get("params")), "")

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.is_file():
            return
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                data: dict[str, Any] = json.loads(line)
            except json.JSONDecodeError:
                continue  # the half line of a process that died while writing: the change was not confirmed
            if data.get("schema") != SCHEMA:
                raise HomelabError(
                    f"the entry has schema {data.get('schema')}, this version reads {SCHEMA}",
                    f"{self.path}:{number}",
                    "undo it with the version that wrote it, or move the file away",
                )
            yield data

    def way_back(self, run: str | None = None, stage: str = "undo") -> Plan:
        """The plan that takes back what of one run (None: of all) still stands, last change first."""
        return plans.way_back(stage, history.standing(self.entries(), run))

    def followers(self, run: str) -> dict[history.Thing, str]:
        """What later runs have changed further, and which run that was; see `history`."""
        return history.followers(self.entries(), run)
