"""What is known of a home's state, since when, and what of it each way of telling has told.

One file beside the home's journal, written whole or not at all. A way that failed has its own old state, so
that the next watch tells it all that has changed since: nothing is lost, and nothing is told twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from homelab.errors import HomelabError
from homelab.record import masked
from homelab.watch.findings import COULD_NOT_RUN, Finding

SCHEMA = 1


@dataclass(frozen=True)
class News:
    """What is `new`, what is `gone`, and what is `still` so; `since`: by id, when it was first seen (ISO)."""

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    still: tuple[Finding, ...]
    since: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.new or self.gone)

    @property
    def well(self) -> bool:
        """Whether nothing is wrong any more."""
        return not (self.new or self.still)


@dataclass
class Told:
    """See the module. `now` holds what is so; `told` what each way of telling has said, by its name."""

    path: Path
    now: dict[str, Finding] = field(default_factory=dict)
    since: dict[str, str] = field(default_factory=dict)
    told: dict[str, dict[str, Finding]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Told:
        """What `path` holds; nothing where there is no such file yet.

        Raises:
            HomelabError: it cannot be read, or another version wrote it.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError) as error:
            raise HomelabError(
                f"cannot be read: {error}", str(path), "move it away: then all is told anew"
            ) from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise HomelabError("was written by another version", str(path), "move it away")
        return cls(
            path,
            {i: Finding(**f) for i, f in data["now"].items()},
            dict(data["since"]),
            {way: {i: Finding(**f) for i, f in seen.items()} for way, seen in data["told"].items()},
        )

    def see(self, found: Iterable[Finding], unknown: set[str], at: str) -> None:
        """Take in what a whole run found `at` (ISO with its offset); of the stages in `unknown` it could not tell."""
        fresh = {f.id: f for f in found}
        kept = {i: f for i, f in self.now.items() if f.stage in unknown and i not in fresh}
        self._become(kept | fresh, at)

    def fail(self, finding: Finding, at: str) -> None:
        """Take in that nothing could be looked at: what was so may still be."""
        self._become(self.now | {finding.id: finding}, at)

    def _become(self, now: dict[str, Finding], at: str) -> None:
        self.since = {i: self.since.get(i, at) for i in now}
        self.now = now

    def news(self, way: str) -> News:
        """What `way` has not told yet."""
        before = self.told.get(way, {})
        return News(
            tuple(f for i, f in self.now.items() if i not in before),
            tuple(f for i, f in before.items() if i not in self.now),
            tuple(f for i, f in self.now.items() if i in before),
            self.since,
        )

    def was_told(self, way: str) -> None:
        """`way` has told all that is so now."""
        self.told[way] = dict(self.now)

    @property
    def ran(self) -> bool:
        """Whether the last watch could look at all."""
        return COULD_NOT_RUN not in self.now

    def save(self) -> None:
        """Write it down, whole or not at all.

        Raises:
            HomelabError: it cannot be written.
        """
        data: dict[str, Any] = {
            "schema": SCHEMA,
            "now": {i: asdict(f) for i, f in self.now.items()},
            "since": self.since,
            "told": {way: {i: asdict(f) for i, f in seen.items()} for way, seen in self.told.items()},
        }
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                file.write(json.dumps(masked(data), indent=1, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            raise HomelabError(f"cannot be written: {error.strerror}", str(self.path)) from error
