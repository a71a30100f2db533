"""A backup of a service's data: one more snapshot in the repository, consistent, with the service running again.

What stands still meanwhile, and which database is dumped first, is said by the project itself
(`homelab.upkeep.recipe`). The service starts again even when the backup fails; a power cut in between leaves a
mark beside the project, by which the next backup knows what to start.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace

from homelab.errors import CommandFailed, HomelabError
from homelab.machine import Machine, Result
from homelab.plan import Later
from homelab.upkeep import recipe, releases, restic
from homelab.upkeep.recipe import BACKING_UP, PUTTING_BACK, Recipe

HIDDEN = {"show": False}


@dataclass(frozen=True)
class State:
    """How many snapshots of `service` the repository holds, and the `latest` of them.

    `interrupted`: a backup was cut off while the service stood still. `how` is the recipe, `images` what
    runs on the data: both are only carried along.
    """

    service: str
    repository: str
    snapshots: int
    latest: str | Later = ""
    interrupted: bool = False
    host: str = field(default="", compare=False, metadata=HIDDEN)
    how: str = field(default="", compare=False, metadata=HIDDEN)
    images: tuple[str, ...] = field(default=(), compare=False, metadata=HIDDEN)


def read(machine: Machine, name: str) -> State:
    """The repository's snapshots of this project, and how it is to be backed up.

    Raises:
        HomelabError: see `homelab.upkeep.restic.ask`; a project without a recipe.
    """
    folder, place = recipe.split(name)
    how = recipe.read(machine, folder)
    cut_off = bool(machine.run(["test", "-e", f"{folder}/{BACKING_UP}"]))
    containers = releases.running(machine, folder)
    # What somebody has stopped stays as it is; but not what an interrupted backup has stopped.
    up = [c.service for c in containers if cut_off or c.status == "running"]
    how = replace(how, stop=tuple(s for s in how.stop if s in up))
    found = restic.of_service(existing(machine, place), how.service)
    return State(
        how.service, place, len(found), found[-1].id if found else "", cut_off,
        machine.name, how.word(), releases.words(containers),
    )  # fmt: skip


def existing(machine: Machine, place: str) -> list[restic.Snapshot]:
    """All snapshots at `place`; none where there is no repository yet.

    Raises:
        HomelabError: see `homelab.upkeep.restic.ask`.
    """
    if not machine.run(["sudo", "test", "-s", restic.PASSWORD_FILE]):
        return []
    try:
        return restic.snapshots(machine, place)
    except restic.NoRepository:
        return []


def irreversible(before: State, after: State) -> bool:
    """A backup is never taken back by us."""
    return True


def command(before: State, after: State) -> list[str]:
    """One script in a subshell: what must stand still stops, the database is dumped, restic copies."""
    how = Recipe.of_word(before.how)
    kept = shlex.join([*how.folders, *how.files])
    tags = [w for image in before.images for w in ("--tag", f"{restic.IMAGE}{image}")]
    backup = ["backup", "--host", before.host, "--tag", before.service, *tags]
    what = shlex.join([*how.folders, *([how.file] if how.file else []), *how.files])
    lines = ["set -e", f"cd {shlex.quote(how.folder)}"]
    lines.append(f"test ! -e {PUTTING_BACK}  # half restored data is no backup")
    if kept:
        lines.append(f"ls -d {kept} >/dev/null  # all of it is there")
    if how.stop:
        stop = shlex.join(how.stop)
        lines += [
            f"trap 'docker compose start {stop} && sudo rm -f {BACKING_UP}' EXIT  # also when the backup fails",
            "trap 'exit 130' INT TERM HUP",
            f"sudo touch {BACKING_UP}",
            f"docker compose stop {stop}",
        ]
    if how.dump:
        dump = shlex.join(["docker", "compose", "exec", "-T", how.dumper, *how.dump])
        lines.append(f"sudo sh -ec {shlex.quote(f'umask 077; {dump} > {how.file}')}")
    lines.append(f"{restic.line(before.repository, *backup)} {what}")
    return ["sh", "-c", "(\n" + "\n".join(lines) + "\n)"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it. A backup that lacks files is forgotten at once, so that it passes for none.

    Raises:
        HomelabError: restic or Docker refuses; the service runs again all the same.
    """
    done = machine.run(command(before, after), timeout=restic.SLOW)
    if done:
        return
    if done.rc == restic.INCOMPLETE and (saved := re.search(r"snapshot (\w+) saved", done.out)):
        restic.ask(machine, before.repository, "forget", saved[1])
        first = next((x for x in done.err.splitlines() if "error" in x.lower()), done.err.strip())
        raise HomelabError(
            f"the backup of {before.service} would have been incomplete: {first.strip()}", machine.name,
            "may root read that file? The incomplete snapshot was forgotten",
        )  # fmt: skip
    raise _fault(done, before.repository)


def _fault(done: Result, place: str) -> HomelabError:
    return restic.fault(done, place) or CommandFailed(done.argv, done.rc, done.out, done.err, done.where)
