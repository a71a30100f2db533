"""The runs of a home that are kept in a folder, in the order in which they happened, whatever the clock did meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

RESULTS, FACTS, SCHEMA = "results.json", "facts.json", 1


@dataclass(frozen=True)
class Past:
    """One run: its folder, its `results`, what else a watch saw (`facts`), and when it `started` (s since 1970)."""

    path: Path
    results: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    started: float

    @property
    def run(self) -> str:
        """Its id."""
        return str(self.results["run"])

    @property
    def status(self) -> str:
        """How it ended; *running* where it was killed, or still runs."""
        return str(self.results["status"])

    @property
    def at(self) -> datetime:
        """When it started, in the offset of then."""
        return datetime.fromisoformat(str(self.results["started"]))


def runs(folder: Path, world: str) -> list[Past]:
    """The runs of the home `world` in `folder`, oldest first; what is no run of ours is left out.

    They are ordered by when they say that they started, with the offset of then: an hour that comes twice, or a
    journey, changes nothing. Where two say the same, the name decides, which counts up.
    """
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink() or not path.is_dir() or path.name.startswith("."):
            continue
        results = _read(path / RESULTS)
        if results.get("schema") != SCHEMA or results.get("world") != world:
            continue
        try:
            started = datetime.fromisoformat(str(results["started"])).astimezone().timestamp()
            found.append(Past(path, results, _read(path / FACTS), started))
        except (KeyError, ValueError):
            continue
    return sorted(found, key=lambda past: (past.started, past.path.name))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
