"""``./runbook prune``: old runs go, as ``keep:`` says. Shows which; does it when told."""

from __future__ import annotations

import time
from pathlib import Path

from homelab import history, home_lock
from homelab import params as worlds
from homelab.errors import EXIT_DRIFT, EXIT_OK, HomelabError
from homelab.history import Entry
from homelab.journal import Journal
from homelab.lab_lease import kept
from homelab.params import World, path_of
from homelab.plan import way_back
from homelab.runner import folder as folders
from homelab.watch import keep as rules
from homelab.watch.past import Past, runs
from homelab.watch.settings import Keep
from homelab.yamldoc import Document, validate

LAB = "lab"


def prune(params: str, last: int | None, days: float | None, apply: bool | None) -> int:
    """Show (or remove) the runs of the world in `params` that nobody needs any more; returns the exit status.

    Raises:
        ParamsError: the params file is not good.
        HomelabError: a folder cannot be removed.
    """
    world = worlds.read(params)
    asked = {k: v for k, v in (("last", last), ("days", days)) if v is not None}
    keep = validate(Keep, Document("--last, --days", (world.common.keep or Keep()).model_dump() | asked))
    sorted_out = sort(world, keep)
    going = [past for past, why in sorted_out if not why]
    for past, why in sorted_out:
        print(f"  {'stays' if why else 'goes ':<5} {past.path.name}{': ' if why else ''}{why}")
    if not going:
        print("Nothing to remove.")
        return EXIT_OK
    if not apply:
        print(
            f"{len(going)} of {_runs(len(sorted_out))} would go. With --apply {'it does' if len(going) == 1 else 'they do'}."
        )
        return EXIT_DRIFT
    gone = remove(going)
    print(f"{gone} of {_runs(len(sorted_out))} {'is' if gone == 1 else 'are'} gone.")
    return EXIT_OK


def _runs(count: int) -> str:
    return f"{count} run{'s' * (count != 1)}"


def sort(of: World, keep: Keep, runs_folder: Path | None = None) -> list[tuple[Past, str]]:
    """The runs of the world `of`, and why each stays (empty: it goes).

    Another params file may call its world the same (``home``, mostly): its runs are its own.
    """
    world, params = of.common.world, "lab" if of.path == path_of("lab") else str(of.path.absolute())
    folder = runs_folder or folders.RUNS
    latest = (folder / "latest").resolve().name if (folder / "latest").exists() else ""
    entries = _entries(world)
    lab_is_up = world == LAB and bool(kept())

    def undoable(past: Past) -> bool:
        if not rules.applied(past):
            return False
        if world == LAB:
            return past.results.get("lab") == "kept" and lab_is_up
        return entries is None or bool(way_back("", history.standing(entries, past.run)))

    own = [past for past in runs(folder, world) if past.results.get("params", params) == params]
    return rules.reasons(own, keep, time.time(), latest, undoable)


def _entries(world: str) -> list[Entry] | None:
    """What the home's journal holds; None where it cannot be read: then nothing that changed anything goes."""
    try:
        return Journal(home_lock.state_folder() / f"{world}.jsonl").entries()
    except HomelabError:
        return None


def remove(going: list[Past]) -> int:
    """Remove the folders; returns how many went.

    Raises:
        HomelabError: one cannot be removed.
    """
    for past in going:
        rules.remove(past.path)
    for runs_folder in {past.path.parent for past in going}:
        rules.sweep(runs_folder)
    return len(going)
