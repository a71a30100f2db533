"""Updates of Compose projects: what runs against what is offered, and the plan that leads there.

The plan takes a backup first. What the projects' own rules forbid, or what needs a person's consent, is
not planned: it is held back, with the reason and its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.plan import Change, Later, change
from homelab.resources import release, restored, snapshot
from homelab.upkeep import recipe, releases, upgrade_rules
from homelab.upkeep.recipe import HELD
from homelab.upkeep.releases import Container, Image
from homelab.upkeep.upgrade_rules import Verdict


@dataclass(frozen=True)
class Offer:
    """One service of a project: what runs, the reference that its file has now, and what that offers.

    `problem` says why it is not known what is offered.
    """

    service: str
    reference: str
    runs: Container
    image: Image
    problem: str = ""

    @property
    def new(self) -> bool:
        """Whether something else is offered than what runs."""
        return not self.problem and self.image.digest not in ("", self.runs.image.digest)

    def word(self) -> str:
        """From → to, for people."""
        return f"{self.runs.image.word()} → {self.image.word()}"


@dataclass(frozen=True)
class Look:
    """All that a plan of updates is made from: states read on one machine, and what the registries offer."""

    machine: str
    name: str
    release: release.State
    backup: snapshot.State
    data: restored.State
    offers: tuple[Offer, ...]
    held: tuple[str, ...] = ()


def look(machine: Machine, folder: str, place: str) -> Look:
    """Look at the project in `folder` on `machine`, whose backups are at `place`; changes nothing.

    Raises:
        HomelabError: there is no such project, Docker or the repository do not answer.
    """
    name = recipe.name_of(folder, place)
    now = release.read(machine, name)
    containers = {c.service: c for c in releases.running(machine, folder)}
    offers = tuple(
        _offer(machine, containers[service], reference)
        for service, _, reference in (r.partition("=") for r in now.references)
        if service in containers
    )
    held = tuple((machine.read_text(f"{folder}/{HELD}") or "").split())
    return Look(
        machine.name, name, now, snapshot.read(machine, name), restored.read(machine, name), offers, held
    )


def _offer(machine: Machine, runs: Container, reference: str) -> Offer:
    try:
        digest = releases.digest_offered(machine, reference)
        image = runs.image if digest == runs.image.digest else releases.offered(machine, reference)
    except HomelabError as error:  # a registry that is away keeps nobody from being told about the others
        return Offer(runs.service, reference, runs, runs.image, error.what)
    return Offer(runs.service, reference, runs, image)


def judge(seen: Look, consent: Sequence[str] = ()) -> dict[str, Verdict]:
    """What may be done about each new release in `seen`, by service."""
    found = {o.service: _judge(o, seen, consent) for o in seen.offers if o.new}
    for service, verdict in _companions(seen).items():
        if service in found:
            found[service] = upgrade_rules.worst([verdict, found[service]])
    return found


def _judge(offer: Offer, seen: Look, consent: Sequence[str]) -> Verdict:
    old, new = offer.runs.image, offer.image
    verdict = upgrade_rules.judge(new.repository, old.version, new.version)
    if verdict.kind != "refused" and f"{offer.service}={new.pinned}" in seen.held:
        verdict = Verdict("consent", "this very release did not get healthy here before")
    if verdict.kind == "consent":
        names = (offer.service, seen.release.service)
        if upgrade_rules.consented(consent, names, new.version or new.digest):
            return Verdict("free", verdict.why)
        return Verdict("consent", f"{verdict.why}; to do it, set consent: [{offer.service}={_major(new)}]")
    return verdict


def _major(image: Image) -> str:
    return image.version.partition(".")[0] or image.digest


def _companions(seen: Look) -> dict[str, Verdict]:
    """What the pairs of server and database in one project say, for both of them."""
    found = {}
    servers = [
        o for o in seen.offers if (r := upgrade_rules.rule_of(o.image.repository)) and r.product == "Immich"
    ]
    databases = [o for o in seen.offers if "vectorchord" in o.reference or "pgvecto" in o.reference]
    for server in servers:
        for database in databases:
            verdict = upgrade_rules.judge_database(
                database.runs.reference, database.reference, server.image.version
            )
            found[server.service] = found[database.service] = verdict
    return found


def changes(seen: Look, consent: Sequence[str] = ()) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The changes that bring the project up to date, a backup first; and what is held back, in words."""
    verdicts = judge(seen, consent)
    notes = [
        f"Held back on {seen.machine}: {o.service} {o.word()}: {verdicts[o.service].why}."
        for o in seen.offers
        if o.service in verdicts and verdicts[o.service].kind != "free"
    ]
    notes += [f"Not known for {o.service}: {o.problem}." for o in seen.offers if o.problem]
    if seen.data.unfinished:
        return finish(seen.machine, seen.name, seen.data), tuple(notes)
    going = [o for o in seen.offers if o.service in verdicts and verdicts[o.service].kind == "free"]
    if not going and (seen.release.well or not seen.release.images):
        return (), tuple(notes)
    wanted = _wanted(seen, going, [n for n in verdicts if verdicts[n].kind != "free"])
    words = ", ".join(f"{o.service} {o.word()}" for o in going)
    why = f"upgrade {words}" if going else f"finish what was begun: get {seen.release.service} healthy"
    upgrade = change(
        seen.machine, "release", seen.release, wanted, why, name=seen.name,
    )  # fmt: skip
    before = backup(seen.machine, seen.name, seen.backup, "back up before the upgrade") if going else ()
    return (*before, *upgrade), tuple(notes)


def _wanted(seen: Look, going: Sequence[Offer], stays: Sequence[str]) -> release.State:
    new = {o.service: o for o in going}
    images, versions = [], []
    for offer in seen.offers:
        image = new[offer.service].image if offer.service in new else offer.runs.image
        if image.digest:
            images.append(f"{offer.service}={image.pinned}")
        versions.append(f"{offer.service} {image.word()}")
    only = tuple(o.service for o in seen.offers if o.service not in stays) if stays else ()
    return replace(
        seen.release, images=tuple(sorted(images)), versions=tuple(sorted(versions)), well=True, snapshot="", only=only,
    )  # fmt: skip


def backup(machine: str, name: str, now: snapshot.State, why: str) -> tuple[Change, ...]:
    """One more backup."""
    after = replace(now, snapshots=now.snapshots + 1, latest=Later("the backup"), interrupted=False)
    return change(machine, "snapshot", now, after, why, name=name)


def restore(machine: str, name: str, now: restored.State, wanted: str, why: str) -> tuple[Change, ...]:
    """The data of snapshot `wanted` put back."""
    after = replace(now, times=now.times + 1, snapshot=wanted, unfinished="")
    return change(machine, "restored", now, after, why, name=name, loses=restored.LOSES)


def finish(machine: str, name: str, now: restored.State) -> tuple[Change, ...]:
    """A restore that was interrupted, done to its end."""
    return restore(machine, name, now, now.unfinished, "finish the restore that was interrupted")
