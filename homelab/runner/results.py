"""``results.json``: what a run found, as data that stays readable however the run ends."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homelab import __version__
from homelab.errors import EXIT_DRIFT, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, HomelabError
from homelab.runner import results_text

SCHEMA = 1
STATUSES = ("waiting", "running", "ok", "drift", "failed", "skipped", "interrupted", "observed")
# What the type of the error that ended a stage says about the stage; all others mean that it failed.
STATUS_OF_ERROR = {"NeedFailed": "skipped"}


@dataclass
class StageResult:
    """One stage of a run; `seconds` is what it took, `cells` counts code cells.

    One that is not `managed` was only looked at: it ends as *observed*, and is neither drift nor a failure.
    """

    name: str
    status: str = "waiting"
    seconds: float = 0.0
    title: str = ""
    about: str = ""
    notebook: str = ""
    cell: int = 0
    cells: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    managed: bool = True


@dataclass
class Results:
    """A whole run. `lab` says whose lab it was: own, kept (by somebody else), or none.

    `planned` is how many changes wait in all, each counted once (`homelab.joined_plan`); None where the run applies.
    """

    run: str
    world: str
    params: str
    apply: bool | None
    stages: list[StageResult]
    lab: str = "none"
    planned: int | None = None
    about: str = ""
    status: str = "running"
    exit: int | None = None
    started: str = field(default_factory=lambda: _now())
    written: str = ""
    seconds: float = 0.0
    pid: int = field(default_factory=os.getpid)
    error: dict[str, Any] | None = None
    _start: float = field(default_factory=time.monotonic, repr=False)

    def finish(self, interrupted: bool = False) -> int:
        """Settle the status, and return the exit status by the contract's precedence."""
        statuses = {stage.status for stage in self.stages}
        if interrupted:
            self.status, self.exit = "interrupted", EXIT_INTERRUPTED
        elif self.error or statuses & {"failed", "skipped", "interrupted"}:
            self.status, self.exit = "failed", EXIT_FAILED
        elif "drift" in statuses:
            self.status, self.exit = "drift", EXIT_DRIFT
        else:
            self.status, self.exit = "ok", EXIT_OK
        return self.exit

    def text(self) -> str:
        """The JSON; no secret is in it."""
        self.seconds = round(time.monotonic() - self._start, 3)
        self.written = _now()
        own = {key: value for key, value in vars(self).items() if key != "_start"}
        run = {"schema": SCHEMA, "version": __version__, **own, "stages": None}
        return results_text.text(run, [vars(stage) for stage in self.stages]) + "\n"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def load(folder: Path) -> dict[str, Any]:
    """The results in a run's folder.

    Raises:
        HomelabError: there are none, or another version wrote them.
    """
    path = folder / "results.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HomelabError(
            f"cannot be read: {error.strerror}", str(path), "name a run's folder, such as runs/latest"
        ) from error
    except ValueError as error:
        raise HomelabError("is not JSON", str(path), "name a run's folder, such as runs/latest") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise HomelabError(
            f"has schema {found}, this version reads {SCHEMA}", str(path), "use the version that wrote it"
        )
    return data
