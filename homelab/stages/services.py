"""04, services: each one a Compose project on Tequila, and a device of the tailnet by its sidecar."""

from __future__ import annotations

import posixpath
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from homelab import moment, needs, services
from homelab.clients.jellyfin import seen_from
from homelab.clients.jellyfin_data import Account
from homelab.errors import ParamsError
from homelab.params import TAILSCALE, Strict, spelled
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import (
    auth_key,
    device,
    env_file,
    film,
    image,
    login,
    project,
    secret_file,
    service_files,
)
from homelab.resources.tailscale_status import peers, short_name, status
from homelab.secret import Secret
from homelab.services import Service
from homelab.stages import adoption
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "04_services"
ROLE, PHONE = "tequila", "phone"
TAG = "tag:container"
KEY_NAME = "homelab services"
ENV_KEY = "env:TS_AUTHKEY"  # where a home without an admin API key gets the sidecars' key from
FILM = "Colour Bars"
FEED = "https://miniflux.app/feed.xml"  # the project's own; in the lab a stand-in answers there
PLUGIN = "docker-compose"  # what the lab's hub calls the plugin
# What differs in the lab: no log server to reach, and nobody who likes to wait for a health check.
LAB = {"TS_TAILSCALED_EXTRA_ARGS": "--no-logs-no-support", "HEALTH_INTERVAL": "2s"}
LAB_ONLY = {
    "minecraft": {"MINECRAFT_EULA": "TRUE"},  # the lab's server is not Mojang's
    "jellyfin": {"JELLYFIN_VERSION": "12"},  # the major, so that there is something to update to
}
JELLYFIN = "jellyfin/jellyfin"
FIRST, NEXT = (
    f"{JELLYFIN}:12.3",
    f"{JELLYFIN}:12.4",
)  # what the lab's hub has under the tag 12, one after the other
EULA = "Minecraft wants its licence accepted (https://www.minecraft.net/eula): set MINECRAFT_EULA=TRUE in {path}."
LOGS_IN = "Services log in by the auth key that {key} names."
TAGGED = (
    f"They ask for the tag {TAG}: the policy must say that whoever made their auth key owns it (tagOwners)."
)
GONE = "the service must log in again, with a new key"
STAYS = (
    "The devices stay on the machines page, offline; with their volumes they come back under the same names."
)


class Params(Strict):
    """`services`: ``light``, ``all``, or names. `adopt`: Compose files of your own projects, used where and as they are
    (several of one project with commas between). `folder` holds them (empty: /srv/homelab in the lab, ~/homelab at home).

    `auth_key` (a reference) is what sidecars log in by; without one it is made through the admin API.
    `user`, `email` and `password` (a reference; empty: made, and kept beside the journal) are whoever
    checks the services as their user. `game_memory` is what is to be left for the game (GiB).
    `backups` is where backups go: a folder on another disk, or ``sftp:host:/path`` (empty: the lab's
    second disk, nowhere at home); a good one is younger than `backup_hours`. `consent` names upgrades that
    want a yes (``immich-server=3``). `drill`: destroy a service's data in the lab, and put it back.
    """

    services: Literal["light", "all"] | list[str] = "light"
    adopt: list[adoption.Own] = Field(default_factory=list, max_length=50)
    folder: str = ""
    auth_key: Secret | None = None
    user: Annotated[str, spelled(r"^[a-z][a-z0-9]{0,30}\Z", "must be small letters and digits")] = "alice"
    email: Annotated[
        str, spelled(r"^[^@\s]+@[^@\s]+\.[^@\s]+\Z", "must be an address such as alice@example.com")
    ] = "alice@example.com"
    password: Secret | None = None
    game_memory: float = Field(6.0, ge=0, le=1024)
    backups: Annotated[
        str,
        spelled(
            r"^(|/[\w./-]+|sftp:[\w.@-]+:/[\w./-]+)\Z",
            "must be a folder such as /mnt/backup, or sftp:host:/path",
        ),
    ] = ""
    backup_hours: float = Field(26.0, gt=0, le=24 * 366)
    consent: list[str] = Field(default_factory=list, max_length=20)
    drill: bool = True

    @field_validator("adopt", mode="before")
    @classmethod
    def _none_of_them(cls, value: object) -> object:
        return [] if value is None else value  # as ./runbook init leaves it: all its lines are comments still

    @field_validator("services", mode="before")
    @classmethod
    def _are_services(cls, value: object) -> object:
        words = [value] if isinstance(value, str) and value not in ("light", "all") else value
        if isinstance(words, list):
            try:
                services.chosen([str(w) for w in words])
            except ParamsError as error:
                said = "; ".join(f"{p.what} ({p.hint})" for p in error.problems)
                raise ValueError(said) from error
        return words

    @field_validator("folder")
    @classmethod
    def _is_folder(cls, value: str) -> str:
        text = value.rstrip("/")
        if value and not re.fullmatch(r"(/|~/)[\w.-][\w./-]*", text):
            raise ValueError(
                "must be a folder such as /srv/homelab or ~/homelab: letters, digits, dots, dashes"
            )
        return text

    @property
    def names(self) -> list[str]:
        """The services that are meant."""
        return services.chosen(self.services)


def home(world: World) -> Machine:
    """The machine that runs them: who plays ``tequila``, else the first."""
    return seat(world, ROLE if ROLE in world.machines else next(iter(world.machines), ROLE))


def place(world: World, wish: Params) -> str:
    """The folder on that machine, from the root on."""
    return adoption.from_root(home(world), wish.folder or ("/srv/homelab" if world.lab else "~/homelab"))


def folder(world: World, wish: Params, name: str) -> str:
    """The folder of one service."""
    return posixpath.join(place(world, wish), services.load(name).project)


def password(world: World, wish: Params) -> str:
    """A reference to the password of whoever checks the services; where none is given, one is made and kept."""
    if wish.password:
        return str(wish.password)
    kept = _kept(world, "household")
    if world.applies and not kept.exists():
        auth_key.keep(kept, secrets.token_urlsafe(12))
    return f"file:{kept}"


def images(world: World, wish: Params) -> list[str]:
    """The images of all services and their sidecars, each once, with what this machine's ``.env`` files say."""
    found: list[str] = []
    for name in wish.names:
        one = services.load(name)
        now = env_file.read(home(world), f"{folder(world, wish, name)}/.env")
        values = env_file.with_missing(now, _values(world, one)).values
        found += one.images(dict(v.split("=", 1) for v in values)).values()
    return sorted(set(found))


def supply(world: World, wish: Params) -> None:
    """Have the lab's hub offer what the services want, each as on its first day; nothing at home.

    Raises:
        PrerequisiteMissing, LabError: see `World.supply`.
    """
    offer(world, images(world, wish))


def offer(world: World, wanted: Sequence[str]) -> None:
    """The same for the images `wanted`, whoever wants them.

    Raises:
        PrerequisiteMissing, LabError: see `World.supply`.
    """
    major = f"{JELLYFIN}:12"
    if not world.lab or major not in wanted:
        world.supply(*wanted, PLUGIN)
        return
    world.supply(*[w for w in wanted if w != major], FIRST, NEXT, PLUGIN)
    if not image.read(home(world), major).present:
        world.publish(FIRST, "12")


def plan(world: World, wish: Params) -> Plan:
    """Who must be in the tailnet, the engine, the images, a key, and each service: its files and what runs from them."""
    machine = home(world)
    if isinstance(machine, Nobody):
        return Plan(STAGE, notes=(f"{machine.why}: {machine.hint}.",))
    role, notes = machine.name, list[str]()
    theirs = adoption.changes(machine, wish.adopt)
    if not wish.names:  # nothing of ours: what yours needs is there already
        return planned(STAGE, theirs)
    wanted = [needs.joined(r) for r in dict.fromkeys((role, PHONE)) if r in world.machines]
    changes: list[Change] = list(
        needs.missing(world, [*wanted, needs.certificates, needs.owned(TAG), needs.engine(role)])
    )
    moment.ahead(world, (partial(service, world, wish, services.load(name), []) for name in wish.names))
    moment.ahead(world, (partial(_pulled, machine, reference) for reference in images(world, wish)))
    for reference in images(world, wish):
        changes += _pulled(machine, reference)
    changes += _key(world, wish, notes)
    for name in wish.names:
        changes += service(world, wish, services.load(name), notes)
    return planned(STAGE, changes, theirs, notes=notes)


def _pulled(machine: Machine, reference: str) -> tuple[Change, ...]:
    now = image.read(machine, reference)
    return change(machine.name, "image", now, image.wanted(reference), "fetch an image", name=reference)


def _key(world: World, wish: Params, notes: list[str]) -> list[Change]:
    """The key that new sidecars log in by, and its copy for Compose; nothing once all of them are in."""
    machine = home(world)
    path = posixpath.join(place(world, wish), "ts_authkey")
    there = secret_file.read(machine, path)
    if there.there and not newcomers(world, wish):
        return []
    made: list[Change] = []
    source = str(wish.auth_key) if wish.auth_key else ENV_KEY
    if not wish.auth_key and world.tailnet is not None:
        kept = _kept(world, "services")
        source, now = f"file:{kept}", auth_key.read(world.tailnet, KEY_NAME)
        key = auth_key.State(True, KEY_NAME, (TAG,), reusable=True, file=str(kept))
        if now.usable and not kept.exists():  # nobody has its secret any more
            gone = auth_key.State(False, KEY_NAME)
            made += change("tailnet", "auth_key", now, gone, "a key whose secret is lost", name=KEY_NAME)
            now = gone
        made += change("tailnet", "auth_key", now, key, "a key for the sidecars of a day", name=KEY_NAME)
    elif not wish.auth_key:
        notes.append(LOGS_IN.format(key=source))
    if world.tailnet is None:
        notes.append(TAGGED)
    if made or not there.there:
        before = secret_file.State(path, False)
        copy = secret_file.State(path, True, source)
        made += change(machine.name, "secret_file", before, copy, "hand it to Compose", name=path)
    return made


def newcomers(world: World, wish: Params) -> list[str]:
    """The services whose device the tailnet does not have yet, as this machine sees it."""
    found = status(home(world))
    known = {short_name(p) for p in peers(found)} if found["BackendState"] == login.RUNNING else set()
    return [name for name in wish.names if services.load(name).device not in known]


def service(world: World, wish: Params, one: Service, notes: list[str]) -> list[Change]:
    """One service: the values that differ here, files that are put there once, films to watch, and the project."""
    machine, at = home(world), folder(world, wish, one.name)
    role, env, found = machine.name, f"{at}/.env", list[Change]()
    name = f"{one.name} {at}"
    now = service_files.read(machine, name)
    first = service_files.wanted(one, now)
    found += change(role, "service_files", now, first, f"{one.name}: its files", name=name)
    before = env_file.read(machine, env)
    after = env_file.with_missing(before, _values(world, one), tuple(one.facts.secrets))
    lost = {"loses": env_file.KEPT} if env_file.irreversible(before, after) else {}
    found += change(role, "env_file", before, after, f"{one.name}: what is different here", name=env, **lost)
    if one.name == "minecraft" and after.of("MINECRAFT_EULA") != "TRUE":
        notes.append(EULA.format(path=env))
    if one.name == "jellyfin":
        found += _film(machine, f"{after.of('MEDIA') or f'{at}/media'}/Movies")
    wanted = project.wanted(at, one.project, one.parts, one.files(), shares=one.shares())
    runs = project.read(machine, at)
    if found and "compose.yaml" not in dict(now.files):  # the files are put there by a change before this one
        runs = replace(runs, files=wanted.files)
    found += change(role, "project", runs, wanted, f"{one.name}: a device of its own", name=at)
    return found


def _values(world: World, one: Service) -> dict[str, str]:
    found = dict(LAB | LAB_ONLY.get(one.name, {})) if world.lab else {}
    if world.login_server != TAILSCALE:
        found["TS_EXTRA_ARGS"] = f"--login-server={world.login_server}"
    return found


def _film(machine: Machine, where: str) -> tuple[Change, ...]:
    """One small film, so that there is something to watch; nothing where a library is there, or no ffmpeg."""
    path = film.path_in(where, FILM)
    if machine.run(["sh", "-c", f"ls {where}/* >/dev/null 2>&1 || ! command -v ffmpeg >/dev/null"]):
        return ()
    now = film.read(machine, path)
    return change(machine.name, "film", now, film.State(True, FILM, path), f"jellyfin: make a small film, {film.full_title(FILM)}", name=path, loses="it stays: a library is yours")  # fmt: skip


def renamed(world: World, wish: Params, name: str, device_name: str) -> Plan:
    """What it would mean to call the device of a service otherwise: a sidecar made anew, and all that live in it."""
    machine, one, at = home(world), services.load(name), folder(world, wish, name)
    files = {
        path: text.replace(f"hostname: {one.device}\n", f"hostname: {device_name}\n")
        for path, text in one.files().items()
    }
    wanted = project.wanted(at, one.project, one.parts, files, shares=one.shares())
    now = project.read(machine, at)
    return planned(
        STAGE, change(machine.name, "project", now, wanted, f"call {one.device} {device_name}", name=at)
    )


def leave(world: World, wish: Params) -> Plan:
    """The devices of the services, off the machines page: what the way back leaves there."""
    found: list[Change] = []
    for name in wish.names if world.tailnet is not None else ():
        assert world.tailnet is not None
        one = services.load(name).device
        now = device.read(world.tailnet, one)
        found += change("tailnet", "device", now, device.State(False), f"remove the device {one}", name=one, loses=GONE)  # fmt: skip
    return planned(STAGE, found, notes=() if found else (STAYS,))


def _kept(world: World, name: str) -> Path:
    """Where a secret of ours is kept until it is used: beside the journal, for you alone."""
    return world.journal.path.parent / "keys" / name


def made_up(world: World, wish: Params, name: str, variable: str) -> str:
    """The secret `variable` of the service `name`, read now from its ``.env``; masked wherever it is shown.

    Raises:
        HomelabError: the service is not planned yet.
    """
    return env_file.secret(home(world), f"{folder(world, wish, name)}/.env", variable)


def cinema(world: World, wish: Params, seen_by: Machine, url: str) -> Account:
    """Jellyfin's first user and library, made from `seen_by` (if there is such a machine) where there are none; who may log in.

    Raises:
        JellyfinError: the server refuses, for example because somebody else is its admin.
    """
    account = Account(wish.user, password(world, wish))
    if isinstance(seen_by, Nobody):
        return account
    server = seen_from(seen_by, url)
    server.wait()
    server.wizard(account.name, Secret.parse(account.password).reveal(), ROLE)
    server.sign_in(account)
    if server.add_library("Films", "/media/Movies"):
        server.scan()
    return account
