"""``./runbook undo [RUN]``: take back what a run, or a session of JupyterLab, has applied, the last change first."""

from __future__ import annotations

import os
from pathlib import Path

from homelab import session
from homelab.errors import EXIT_DRIFT, EXIT_OK, PrerequisiteMissing
from homelab.lab_lease import kept
from homelab.runner import journals, results
from homelab.runner.folder import RUNS

LISTED = 20  # the newest


def undo(run: str | None, apply: bool | None) -> int:
    """Show the way back and go it (a home only when told), or list what can be taken back; returns the exit status.

    Raises:
        HomelabError: the run is not there, the world has moved on, or a change failed.
    """
    if run is None:
        return _list()
    asked = run
    if folder := _folder(run):
        run, params = _of_folder(folder)
    else:
        run, params = _of_journal(run)
    from homelab.world import open_world

    world = open_world(params, apply)
    try:
        if not (back := world.journal.way_back(run)) and not back.notes:
            print(_nothing(asked, run, world.name))
            return EXIT_OK
        return EXIT_OK if world.take_back(run) else EXIT_DRIFT
    finally:
        world.close()


def _nothing(asked: str, run: str, world: str) -> str:
    """That `run` has left nothing to take back in `world`, and who has."""
    name = f"The run {run}" if asked == run else f"{asked} is the run {run}, which"
    said = f"No changes. {name} has changed nothing, or nothing of it stands any more."
    newest = next((one for one in journals.undoable() if one.book.world == world), None)
    if newest is None:
        return f"{said} No other run has either."
    more = "" if newest.book.socket else " --apply"
    return f"{said}\nThe newest of {world} that has changed something: ./runbook undo {newest.run}{more}"


def _list() -> int:
    found = journals.undoable()
    if not found:
        print("Nothing can be taken back: no run and no session has left a change.")
        return EXIT_OK
    for one in found[:LISTED]:
        print(one.line())
    if len(found) > LISTED:
        print(f"and {len(found) - LISTED} older ones")
    print(
        f"\n./runbook undo NAME takes one back, the last change first (at home with --apply); {session.LATEST} is the newest of JupyterLab."
    )
    return EXIT_OK


def _folder(run: str) -> Path | None:
    """The folder of `run`: a path, or a name in ``runs/``."""
    for path in (Path(run).expanduser(), RUNS / run):
        if (path / "results.json").is_file():
            return path
    return None


def _of_folder(folder: Path) -> tuple[str, str]:
    """The run whose folder it is, and its params file."""
    said = results.load(folder)
    if said["lab"] != "none":
        book = None if said["lab"] == "own" else journals.of(said["run"])
        socket = (book.socket if book else "") or ("" if said["lab"] == "own" else kept())
        if not socket:
            raise PrerequisiteMissing(
                "the lab of that run is gone, and all that was changed in it",
                str(said["run"]),
                "for a lab that stays: ./runbook lab up, before the run",
            )
        os.environ["HOMELAB_LAB"] = socket
    return said["run"], said["params"]


def _of_journal(run: str) -> tuple[str, str]:
    """A session, or a run whose folder is gone: what the journals know of it."""
    if run == session.LATEST:
        newest = (one.run for one in journals.undoable() if session.is_one(one.run))
        run = next(newest, run)
    book = journals.of(run)
    if book is None:
        known = [one.run for one in journals.undoable()[:3]]
        hint = (
            f"the newest: {', '.join(known)}; ./runbook undo lists all"
            if known
            else "and no run or session has left a change that could be taken back"
        )
        raise PrerequisiteMissing("there is no such run", run, hint)
    if book.socket:
        os.environ["HOMELAB_LAB"] = book.socket
    params = book.journal.written_for(run)
    if not params:
        raise PrerequisiteMissing(
            "its journal does not say which params file it used", str(book.journal.path)
        )
    return run, params
