"""``./runbook undo RUN``: take back what a run has applied, the last change first."""

from __future__ import annotations

import os
from pathlib import Path

from homelab.errors import EXIT_DRIFT, EXIT_OK, PrerequisiteMissing
from homelab.lab_lease import kept
from homelab.runner import results
from homelab.runner.folder import RUNS


def undo(run: str, apply: bool | None) -> int:
    """Show the way back and go it (a home only when told); returns the exit status.

    Raises:
        HomelabError: the run is not there, the world has moved on, or a change failed.
    """
    said = results.load(find(run))
    if said["lab"] != "none":
        if said["lab"] == "own" or not (socket := kept()):
            raise PrerequisiteMissing(
                "the lab of that run is gone, and all that was changed in it",
                str(said["run"]),
                "for a lab that stays: ./runbook lab up, before the run",
            )
        os.environ["HOMELAB_LAB"] = socket
    from homelab.world import open_world

    world = open_world(said["params"], apply)
    try:
        return EXIT_OK if world.take_back(said["run"]) else EXIT_DRIFT
    finally:
        world.close()


def find(run: str) -> Path:
    """The folder of `run`: a path, or a name in ``runs/``.

    Raises:
        PrerequisiteMissing: there is no such run.
    """
    for path in (Path(run).expanduser(), RUNS / run):
        if (path / "results.json").is_file():
            return path
    known = sorted(p.parent.name for p in RUNS.glob("*/results.json") if not p.parent.is_symlink())
    hint = f"the newest: {', '.join(known[-3:])}" if known else "no run is there yet"
    raise PrerequisiteMissing("there is no such run", run, hint)
