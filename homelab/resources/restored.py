"""A service's data, put back from a snapshot.

The copy is fetched and verified beside the data first; only then the service stops, what is there now is
put aside, and the copy takes its place. Nothing that might be the only copy is deleted, and whatever
moment a power cut chooses, the same again goes through. The way back puts the aside in place again.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field

from homelab.errors import CommandFailed, HomelabError
from homelab.machine import Machine
from homelab.upkeep import recipe, restic
from homelab.upkeep.recipe import ASIDE, PUTTING_BACK, RESTORED, RESTORING, Recipe

HIDDEN = {"show": False}
LOSES = "what was written since that backup; it is put aside, not deleted"


@dataclass(frozen=True)
class State:
    """How many `times` data was put back here, and from which `snapshot` last; `how` is the recipe.

    `unfinished` names the snapshot of a restore that was interrupted.
    """

    service: str
    repository: str
    times: int
    snapshot: str = ""
    unfinished: str = ""
    how: str = field(default="", compare=False, metadata=HIDDEN)


def read(machine: Machine, name: str) -> State:
    """From the note that every restore leaves beside the project.

    Raises:
        HomelabError: there is no such project, or it has no recipe.
    """
    folder, place = recipe.split(name)
    how = recipe.read(machine, folder)
    notes = (machine.read_text(f"{folder}/{RESTORED}") or "").split()
    begun = (machine.read_text(f"{folder}/{PUTTING_BACK}") or "").strip()
    return State(how.service, place, len(notes), notes[-1] if notes else "", begun, how.word())


def command(before: State, after: State) -> list[str]:
    """Fetch, stop, put aside, put in place, start; backwards, swap with what was put aside."""
    how = Recipe.of_word(before.how or after.how)
    body = _back(how, before) if after.times < before.times else put_back(how, before.repository, after)
    return ["sh", "-c", "(\n" + "\n".join(["set -e", f"cd {shlex.quote(how.folder)}", *body]) + "\n)"]


def put_back(how: Recipe, place: str, after: State, stop: str = "", start: str = "") -> list[str]:
    """The lines of a script that put `after.snapshot` in place.

    `stop` is how the service stops (`docker compose stop` by default), `start` are options of its start.
    """
    aside = f"{ASIDE}/{after.times}"
    fetch = ["restore", after.snapshot, "--target", RESTORING, "--verify"]
    lines = [
        f"echo {after.snapshot} | sudo tee {PUTTING_BACK} >/dev/null  # so that a power cut does not hide it",
        f"sudo rm -rf {RESTORING}",
        f"{restic.line(place, *fetch)} || {{ sudo rm -rf {RESTORING} {PUTTING_BACK}; exit 1; }}",
        stop or _stop(how),
        _folders(how, aside),
    ]
    for one in (*how.data, *how.database):
        new = shlex.quote(one)
        # Where the aside is there already, what is in place is a copy that a restore before us fetched.
        lines.append(
            f"if [ -e {aside}/{new} ]; then sudo rm -rf {new}; elif [ -e {new} ]; then sudo mv {new} {aside}/{new}; fi"
        )
        if one not in how.database:
            lines.append(f"sudo mv {RESTORING}/{new} {new}")
    for one in how.files:
        lines.append(f"[ -e {shlex.quote(one)} ] || sudo mv {RESTORING}/{shlex.quote(one)} .")
    if how.dumper:
        load = shlex.join(["docker", "compose", "exec", "-T", how.dumper, *how.restore])
        lines += [
            f"docker compose up -d --wait{start} {shlex.quote(how.dumper)}  # a new, empty database",
            f"sudo sh -ec {shlex.quote(f'{load} < {how.file}')} >/dev/null",
        ]
    return [
        *lines,
        f"echo {after.snapshot} | sudo tee -a {RESTORED} >/dev/null",
        f"sudo rm -rf {RESTORING} {PUTTING_BACK}",
        f"docker compose up -d --wait{start}",
    ]


def _stop(how: Recipe) -> str:
    return shlex.join(["docker", "compose", "stop", *how.stop, *([how.dumper] if how.dumper else [])])


def _folders(how: Recipe, aside: str) -> str:
    """Make the folder for what is put aside, and those that nested data is in."""
    above = {one.rpartition("/")[0] for one in (*how.data, *how.database) if "/" in one}
    return shlex.join(["sudo", "mkdir", "-p", aside, *sorted({*above, *(f"{aside}/{a}" for a in above)})])


def _back(how: Recipe, before: State) -> list[str]:
    aside, undone = f"{ASIDE}/{before.times}", f"{ASIDE}/undone-{before.times}"
    lines = [_stop(how), _folders(how, undone)]
    for one in (*how.data, *how.database):
        name = shlex.quote(one)
        lines.append(
            f"if [ -e {aside}/{name} ]; then sudo mv {name} {undone}/{name}; sudo mv {aside}/{name} {name}; fi"
        )
    return [*lines, f"sudo sed -i '$d' {RESTORED}", "docker compose up -d --wait"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        HomelabError: the disk has no room for the copy, restic or Docker refuse; the data that was there is
            in place or put aside.
    """
    how = Recipe.of_word(before.how or after.how)
    if after.times > before.times:
        room(machine, how.folder, before.repository, after.snapshot)
    done = machine.run(command(before, after), timeout=restic.SLOW)
    if done:
        return
    if known := restic.fault(done, before.repository):
        raise known
    if "unhealthy" in done.err or "exited" in done.err:
        raise HomelabError(
            f"the data of {before.service} is in place, but the service does not get healthy",
            machine.name, f"is its image the one that the data is from? docker compose -f {how.folder}/{recipe.FILE} logs",
        )  # fmt: skip
    raise CommandFailed(done.argv, done.rc, done.out, done.err, machine.name)


def room(machine: Machine, folder: str, place: str, snapshot: str) -> None:
    """Look whether a second copy of the data fits, before anything stops.

    Raises:
        HomelabError: it does not.
    """
    wanted = int(
        json.loads(restic.ask(machine, place, "stats", "--json", "--no-lock", snapshot).out)["total_size"]
    )
    free = int(machine.run(["df", "--output=avail", "-B1", folder]).ok().out.split()[-1])
    if free < wanted:
        raise HomelabError(
            f"putting back takes {wanted / 1e6:.0f} MB beside the data, and {free / 1e6:.0f} MB are free", machine.name,
            f"make room on the disk of {folder}; what earlier restores put aside is in {folder}/{ASIDE}",
        )  # fmt: skip
