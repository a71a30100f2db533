"""04, the second day of a service: what is new at its registry, a backup, and the drill that proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab import services
from homelab.clients.jellyfin import Jellyfin, seen_from
from homelab.clients.jellyfin_data import Account
from homelab.errors import HomelabError
from homelab.pictures.tables import Table
from homelab.plan import Change, Plan
from homelab.stages.services import STAGE, Params, folder, home
from homelab.upkeep import backup, second_place, update, upgrade_rules

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.upkeep.backup import Drill, Facts
    from homelab.world import World

SECOND_DISK = "/mnt/backup/restic"  # in the lab
NOWHERE = "No backups: say where they go (backups: /mnt/usb/restic, or sftp:host:/path)."
PATIENCE = 60.0  # seconds that a service may take to come back with its sidecar
# What somebody might try: a product's image, from which version, to which.
CASES = (
    ("jellyfin/jellyfin", "12.3", "12.4"),
    ("jellyfin/jellyfin", "10.9.11", "12.4"),
    ("jellyfin/jellyfin", "12.4", "12.3"),
    ("ghcr.io/immich-app/immich-server", "2.7.5", "3.2.2"),
    ("postgres", "15.9", "17.2"),
)


def place(world: World, wish: Params) -> str:
    """Where backups go; empty: nowhere."""
    return wish.backups or (SECOND_DISK if world.lab else "")


def folders(world: World, wish: Params) -> list[str]:
    """The folders of the services that are there: what is not, has neither news nor anything to lose."""
    found = [folder(world, wish, name) for name in wish.names]
    return [at for at in found if home(world).run(["test", "-s", f"{at}/{services.COMPOSE}"])]


def backups(world: World, wish: Params) -> Plan:
    """One good backup of every service: those that have a young one need none."""
    at = place(world, wish)
    if not at:
        return Plan(STAGE, notes=(NOWHERE,))
    return Plan(STAGE, backup.changes(home(world), folders(world, wish), at, wish.backup_hours))


def prepared(world: World, wish: Params) -> Plan:
    """What backups need first: the way to another machine if they go there, the program, and a repository.

    One step at a time, for the next may need what it made: see `prepare`.
    """
    at, machine = place(world, wish), home(world)
    if not at:
        return Plan(STAGE, notes=(NOWHERE,))
    if host := second_place.host_of(at):
        if made := second_place.key(machine, at):
            return Plan(STAGE, made)
        if host not in world.machines and not machine.run(second_place.knock(host)):
            return Plan(STAGE, notes=(second_place.by_hand(machine, at),))
        if host in world.machines and (opened := second_place.door(machine, world[host], at)):
            return Plan(STAGE, opened)
    return Plan(STAGE, backup.prepared(machine, at))


def prepare(world: World, wish: Params) -> None:
    """Do what `prepared` says until there is nothing left of it; where nothing may be applied, show the next step."""
    plan = prepared(world, wish)
    while world.apply(plan) and plan and (plan := prepared(world, wish)):
        pass


def updates(world: World, wish: Params) -> Plan:
    """Every service brought to what its registry offers, where its project's rules allow it; a backup first."""
    at = place(world, wish)
    if not at:
        return Plan(STAGE, notes=("No updates without backups.", NOWHERE))
    found, notes = list[Change](), list[str]()
    for one in folders(world, wish):
        changes, said = update.changes(update.look(home(world), one, at), wish.consent)
        found += changes
        notes += said
    return Plan(STAGE, tuple(found), tuple(notes))


def rules() -> Table:
    """What the projects' own rules say to a few upgrades that somebody might try."""
    rows = []
    for repository, old, new in CASES:
        verdict = upgrade_rules.judge(repository, old, new)
        rows.append((repository.rpartition("/")[2], old, new, verdict.kind, verdict.why or "–"))
    return Table(("image", "from", "to", "verdict", "why"), tuple(rows))


def drill(world: World, wish: Params, name: str = "jellyfin") -> Drill:
    """The drill of one service."""
    return backup.Drill(world, home(world), folder(world, wish, name), place(world, wish), STAGE)


class Spectator:
    """Jellyfin's user at `machine`, who asks before the fire and after it."""

    def __init__(self, machine: Machine, url: str, account: Account) -> None:
        self.machine, self.url, self.account = machine, url, account

    def _server(self) -> Jellyfin:
        found = seen_from(self.machine, self.url)
        found.wait(PATIENCE)
        return found

    def facts(self) -> Facts:
        """See `homelab.upkeep.backup.Witness`."""
        server = self._server()
        server.sign_in(self.account)
        films = server.films()
        return {
            "id": server.info().id,
            "users": ", ".join(u.name for u in server.users()),
            "films": ", ".join(f.name for f in films),
            "place": ", ".join(f"{server.watched(f).position:g} s" for f in films),
        }

    def fresh(self, before: Facts) -> str:
        """See `homelab.upkeep.backup.Witness`."""
        info = self._server().info()
        if info.id == before["id"] or info.wizard_done:
            raise HomelabError("it still is the server of before", self.machine.name)
        return f"another id ({info.id[:8]}…, before {before['id'][:8]}…), and the first-run wizard waits"
