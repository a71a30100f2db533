"""Which release of its images a Compose project runs.

Forwards it is the documented line, ``docker compose pull && docker compose up -d --wait``. The way back of
an upgrade is the old image *with* the data from before: a newer release may have changed its database.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace

from homelab.engine.faults import explain
from homelab.errors import HomelabError
from homelab.machine import Machine, Result
from homelab.resources import restored
from homelab.resources.snapshot import existing
from homelab.upkeep import recipe, releases, restic
from homelab.upkeep.recipe import HELD, RESTORED, Recipe

HIDDEN = {"show": False}
SLOW = 1800.0  # seconds: a large image, then a database that migrates
LINES = 5  # of a container's log, in an error


@dataclass(frozen=True)
class State:
    """The images of the project's services (``jellyfin=jellyfin/jellyfin@sha256:…``), and whether all are `well`.

    `versions` is the same for people. The rest is carried along for the way back: the `snapshot` of the
    data and how often data was put back here (`times`), the recipe, the references in the Compose file.
    """

    service: str
    images: tuple[str, ...]
    well: bool = True
    versions: tuple[str, ...] = field(default=(), compare=False)
    snapshot: str = field(default="", compare=False, metadata=HIDDEN)
    times: int = field(default=0, compare=False, metadata=HIDDEN)
    repository: str = field(default="", compare=False, metadata=HIDDEN)
    how: str = field(default="", compare=False, metadata=HIDDEN)
    references: tuple[str, ...] = field(default=(), compare=False, metadata=HIDDEN)
    only: tuple[str, ...] = field(default=(), compare=False, metadata=HIDDEN)


def read(machine: Machine, name: str) -> State:
    """The project's containers, and the newest snapshot of its data.

    Raises:
        HomelabError: there is no such project, or the repository cannot be read.
    """
    folder, place = recipe.split(name)
    project = recipe.compose(machine, folder)
    how = recipe.of_project(project, folder, recipe.beside(machine, folder))
    containers = releases.settled(machine, folder)
    found = restic.of_service(existing(machine, place), how.service)
    notes = (machine.read_text(f"{folder}/{RESTORED}") or "").split()
    return State(
        how.service,
        releases.words(containers),
        bool(containers) and all(c.well for c in containers),
        tuple(f"{c.service} {c.image.word()}" for c in containers),
        found[-1].id if found else "",
        len(notes),
        place,
        how.word(),
        tuple(f"{s}={d['image']}" for s, d in project["services"].items() if "image" in d),
    )


def difference(before: State, after: State) -> str:
    """From → to, by version; the digest where no version tells."""
    old, new = _versions(before), _versions(after)
    parts = [f"{s}: {old.get(s, 'not there')} → {v}" for s, v in new.items() if old.get(s) != v]
    if _goes_back(before, after):
        parts.append(f"data: as of backup {after.snapshot}")
    elif not before.well and after.well:
        parts.append("not well → healthy")
    return ", ".join(parts) or "the same version, built anew"


def _versions(state: State) -> dict[str, str]:
    return dict(v.split(" ", 1) for v in state.versions)


def _goes_back(before: State, after: State) -> bool:
    return bool(after.snapshot) and after.images != before.images


def command(before: State, after: State) -> list[str]:
    """The documented upgrade; or the old images with the data of `after.snapshot`."""
    how = Recipe.of_word(before.how or after.how)
    cd = f"cd {shlex.quote(how.folder)}"
    if not _goes_back(before, after):
        pull = shlex.join(["docker", "compose", "pull", *after.only])
        # What an `up` left that was cut off, Compose does not always find its way out of.
        anew = "" if before.well else " && docker compose down"
        return ["sh", "-c", f"{cd} && {pull}{anew} && docker compose up -d --wait"]
    references = dict(r.split("=", 1) for r in after.references)
    lines = ["set -e", cd]
    for service, pinned in _images(after).items():
        reference = references.get(service, "")
        if _images(before).get(service) != pinned and reference and "@" not in reference:
            has = f"docker image inspect {pinned} >/dev/null 2>&1"
            lines.append(f"{has} || docker pull {pinned}")
            lines.append(f"docker tag {pinned} {shlex.quote(reference)}")
    wanted = restored.State(before.service, after.repository, before.times + 1, after.snapshot)
    lines += restored.put_back(how, after.repository, wanted, "docker compose down", " --pull never")
    return ["sh", "-c", "(\n" + "\n".join(lines) + "\n)"]


def _images(state: State) -> dict[str, str]:
    return dict(i.split("=", 1) for i in state.images)


def do(machine: Machine, before: State, after: State) -> None:
    """Run it. A new release that does not get healthy is left again at once, with the data from before.

    Raises:
        HomelabError: the image cannot be had; or the new release is not healthy: what runs now is said.
        HomelabError: even the way back failed: what to do by hand is said.
    """
    how = Recipe.of_word(before.how or after.how)
    now = read(machine, recipe.name_of(how.folder, before.repository))  # the backup has been taken since
    if _goes_back(before, after):
        restored.room(machine, how.folder, after.repository, after.snapshot)
        machine.run(command(now, after), timeout=SLOW).ok()
        return
    done = machine.run(command(before, after), timeout=SLOW)
    if done:
        return
    reached = read(machine, recipe.name_of(how.folder, before.repository))
    if reached.images == now.images and reached.well:
        raise explain(done.err, machine.name)  # nothing was pulled, or not all: what ran runs
    raise _left_again(machine, how, now, reached, after, done)


def _left_again(
    machine: Machine, how: Recipe, now: State, reached: State, after: State, done: Result
) -> HomelabError:
    """Go back from a release that is not healthy, and the error that says so."""
    new = ", ".join(f"{s} {v}" for s, v in _versions(after).items() if _versions(now).get(s) != v)
    said = " | ".join(_log(machine, how))
    wrong = f"{new or how.service} did not get healthy: {said or done.err.strip().splitlines()[-1]}"
    old = data_of(machine, now)
    if old is None:
        return HomelabError(
            f"{wrong}; there is no backup from before, so it is left as it is", machine.name,
            f"docker compose -f {how.folder}/{recipe.FILE} logs",
        )  # fmt: skip
    bad = [i for i in after.images if i not in old.images]
    machine.run(["sudo", "tee", "-a", f"{how.folder}/{HELD}"], stdin="".join(f"{i}\n" for i in bad)).ok()
    back = machine.run(command(reached, old), timeout=SLOW)
    words = ", ".join(old.versions)
    if back:
        return HomelabError(
            f"{wrong}. {words} runs again, with the data of backup {old.snapshot}", machine.name,
            "this release is held back from now on; what it wrote is put aside in the project's folder",
        )  # fmt: skip
    return HomelabError(
        f"{wrong}. Going back failed too: {(back.err.strip().splitlines() or ['?'])[-1]}", machine.name,
        f"nothing is lost: backup {old.snapshot} holds the data for {words}; run the same again",
    )  # fmt: skip


def data_of(machine: Machine, now: State) -> State | None:
    """The release that the newest backup is from; None without one that says so.

    It is `now` itself, unless an earlier run was cut off in the middle of the upgrade.
    """
    found = restic.of_service(existing(machine, now.repository), now.service)
    if not found or not found[-1].images:
        return None
    newest = found[-1]
    if set(newest.images) == set(now.images):
        return replace(now, snapshot=newest.id)
    ids = dict(i.split("=", 1) for i in newest.images)
    words = tuple(f"{s} …{pinned.rpartition(':')[2][:8]}" for s, pinned in ids.items())
    return replace(now, images=newest.images, versions=words, snapshot=newest.id)


def _log(machine: Machine, how: Recipe) -> list[str]:
    said = machine.run(
        ["docker", "compose", "-f", f"{how.folder}/{recipe.FILE}", "logs", "--no-color", "--no-log-prefix",
         "--tail", str(LINES), *how.stop]
    )  # fmt: skip
    return said.out.strip().splitlines()[-LINES:]
