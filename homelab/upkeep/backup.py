"""Backups of Compose projects, and the drill that proves them: destroyed, gone, put back, the same again.

Plans are made of the changes in `homelab.upkeep.update`; the drill asks the service itself before and after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from homelab.check import Answer
from homelab.errors import CheckFailed, HomelabError
from homelab.machine import Machine
from homelab.plan import Change, Plan, change
from homelab.resources import package, proof, repository, restored, service_data, snapshot
from homelab.upkeep import recipe, restic
from homelab.upkeep.update import backup, finish, restore

if TYPE_CHECKING:
    from homelab.world import World

Facts = Mapping[str, str]  # what a service is and knows, in words: asked before and after


def prepared(machine: Machine, place: str) -> tuple[Change, ...]:
    """restic installed and a repository at `place`, without locks of dead processes.

    Raises:
        HomelabError: the place cannot be looked at: see `homelab.resources.repository.read`.
    """
    tool = package.read(machine, "restic")
    installed = change(
        machine.name, "package", tool, package.State("restic", True), "install restic", name="restic"
    )
    now = repository.read(machine, place) if tool.installed else repository.State(place, False, False)
    why = "make a repository for backups" if not now.there else "remove the locks that a power cut left"
    return (
        *installed,
        *change(machine.name, "repository", now, repository.State(place, True), why, name=place),
    )


def changes(machine: Machine, folders: Sequence[str], place: str, hours: float = 0.0) -> tuple[Change, ...]:
    """One more backup of each project in `folders`; what an interrupted restore left is finished first.

    A project with a backup younger than `hours` needs none.

    Raises:
        HomelabError: see `homelab.resources.snapshot.read`.
    """
    found = [*prepared(machine, place)]
    for folder in folders:
        name = recipe.name_of(folder, place)
        data, now = restored.read(machine, name), snapshot.read(machine, name)
        if data.unfinished:
            found += finish(machine.name, name, data)
        if data.unfinished or now.interrupted or not _younger(machine, place, now.service, hours):
            found += backup(machine.name, name, now, f"back up {now.service}")
    return tuple(found)


def _younger(machine: Machine, place: str, service: str, hours: float) -> bool:
    mine = restic.of_service(snapshot.existing(machine, place), service)
    return bool(mine) and datetime.now(UTC) - mine[-1].at < timedelta(hours=hours)


class Witness(Protocol):
    """Somebody who asks a service what it is and knows, as its user would."""

    def facts(self) -> Facts:
        """What must be the same again: identity, users, films, a place in a film."""
        ...

    def fresh(self, before: Facts) -> str:
        """The evidence that the service that answers now is a new one, which knows nothing of `before`.

        Raises:
            HomelabError: it still knows something.
        """
        ...


@dataclass(frozen=True)
class Drill:
    """The drill of the project in `folder` on `machine`, with its backups at `place`.

    It destroys: only in a lab, unless `anywhere` says that the reader wants just that.
    """

    world: World
    machine: Machine
    folder: str
    place: str
    stage: str
    anywhere: bool = False

    @property
    def name(self) -> str:
        """What the data is called in changes."""
        return recipe.name_of(self.folder, self.place)

    def backup(self) -> Plan:
        """A backup, now."""
        return Plan(self.stage, changes(self.machine, [self.folder], self.place))

    def destruction(self) -> Plan:
        """The project down, and its data gone.

        Raises:
            HomelabError: this is a real home.
        """
        if not (self.world.lab or self.anywhere):
            raise HomelabError(
                "nothing is destroyed at a real home",
                self.world.name,
                "there, put a backup back beside the data",
            )
        now = service_data.read(self.machine, self.name)
        return Plan(
            self.stage,
            change(
                self.machine.name, "service_data", now, replace(now, there=False), f"destroy all data of {now.service}",
                name=self.name, loses="all of it, but for the backup",
            ),
        )  # fmt: skip

    def start(self) -> Plan:
        """The project up again: where its data is gone it starts as on its first day."""
        now = service_data.read(self.machine, self.name)
        return Plan(
            self.stage,
            change(
                self.machine.name, "service_data", now, replace(now, there=True),
                f"start {now.service} without its data", name=self.name,
            ),
        )  # fmt: skip

    def restoration(self) -> Plan:
        """The data of the newest backup, put back."""
        now = restored.read(self.machine, self.name)
        found = restic.of_service(restic.snapshots(self.machine, self.place), now.service)
        if not found:
            raise HomelabError(f"there is no backup of {now.service} at {self.place}", self.machine.name)
        why = f"put back the backup of {now.service}"
        return Plan(self.stage, restore(self.machine.name, self.name, now, found[-1].id, why))

    def record(self, evidence: str) -> Plan:
        """That it was proved, kept with the backups."""
        now = proof.read(self.machine, self.name)
        words = re.sub(r"[^\w .,:;()+-]+", " ", evidence).strip()[:200]
        return Plan(
            self.stage,
            change(
                self.machine.name, "proof", now, replace(now, proved=now.proved + 1, evidence=words),
                f"keep that a restore of {now.service} was proved", name=self.name,
            ),
        )  # fmt: skip


def same(before: Facts, after: Facts, where: str, service: str) -> Answer:
    """Is everything that was known before known again?"""
    lost = [k for k, v in before.items() if after.get(k) != v]
    evidence = ", ".join(f"{k}: {before[k]}" for k in before if k not in lost)
    if lost:
        evidence = ", ".join(f"{k}: {before[k]} before, {after.get(k, 'nothing')} now" for k in lost)
    return Answer(
        f"{service} is the same again", where, "fail" if lost else "ok", evidence,
        "the data of before the restore is in the project's .aside folder",
    )  # fmt: skip


def gone(witness: Witness, before: Facts, where: str, service: str) -> Answer:
    """Is it really gone? Otherwise the restore proves nothing."""
    try:
        return Answer(f"{service} has lost everything", where, "ok", witness.fresh(before))
    except HomelabError as error:
        return Answer(f"{service} has lost everything", where, "fail", error.what)


def run(drill: Drill, witness: Witness, show: Callable[..., None]) -> bool:
    """The whole drill: `show` is `homelab.check.prove`, or collects the answers. False: nothing may be applied here.

    Raises:
        CheckFailed: something was not gone, or is not the same again.
        ApplyFailed: a change failed.
    """
    world, where = drill.world, drill.machine.name
    service = drill.folder.rpartition("/")[2]
    before = witness.facts()
    if not world.apply(drill.backup()):
        return False
    world.apply(drill.destruction())
    world.apply(drill.start())
    show(gone(witness, before, where, service))
    world.apply(drill.restoration())
    answer = same(before, witness.facts(), where, service)
    show(answer)
    if answer.status != "ok":
        raise CheckFailed(answer.name, answer.vantage, answer.evidence, answer.hint)
    return world.apply(drill.record(answer.evidence))
