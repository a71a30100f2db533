"""02, Jellyfin: pull an image, run it as the talk does, walk through its wizard, watch three small films."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from homelab import needs
from homelab.checks.jellyfin import lacking
from homelab.clients.jellyfin import Jellyfin, seen_from
from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.params import Strict, spelled
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import container, film, folder, image, jellyfin_server, library, transcoding
from homelab.resources.jellyfin_api import Door
from homelab.secret import Secret
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.clients.jellyfin_data import Account
    from homelab.machine import Machine
    from homelab.pictures.image_layers import Layer
    from homelab.pictures.picture import Picture
    from homelab.pictures.tables import Table
    from homelab.world import World

STAGE = "02_jellyfin"
ROLE = "tequila"  # whoever plays it runs the services
PORT = 8096  # Jellyfin's own, inside the container
LIBRARY, MOVIES = "Films", "Movies"  # the library's name, and the folder below media that it is made of
CONTAINER = "jellyfin"
KEPT = "config and media are yours: no undo removes them"
NO_FFMPEG = "ffmpeg is not installed here: no films are made (sudo apt-get install ffmpeg)."
OBSERVED = "A container called {name} is here already and keeps its data elsewhere: observed, not managed."
NOT_OURS = "Jellyfin is set up already, with a user or password that is not ours: its libraries and settings are left as they are."
Image = Annotated[
    str,
    spelled(
        r"^(?=.{1,200}\Z)[a-z0-9]+([._/:-]+[a-zA-Z0-9]+)*\Z", "must be an image such as jellyfin/jellyfin"
    ),
]
Name = Annotated[str, spelled(r"^[\w][\w.-]{0,30}\Z", "must be letters, digits, dots and dashes")]
TAG = r"\w[\w.-]{0,127}"  # of an image


class Params(Strict):
    """`port` is the machine's. `folder` holds config, cache and media (empty: /srv/jelly in the lab, ~/jelly at home).

    `password` is a reference (empty: one is made, and kept beside the journal). `films` are three small
    ones of our own. `transcoding` asks for hardware. `compare` is a second tag to lay beside the first.
    """

    port: int = Field(PORT, ge=1, le=65535)
    folder: str = ""
    image: Image = "jellyfin/jellyfin"
    tag: Annotated[str, spelled(rf"^{TAG}\Z", "must be a tag such as latest")] = "latest"
    user: Name = "alice"
    password: Secret | None = None
    server_name: Name = ROLE
    films: bool = True
    transcoding: Literal["none", "vaapi", "nvenc"] = "none"
    compare: Annotated[str, spelled(rf"^({TAG})?\Z", "must be a tag such as 12.3, or empty")] = "12.3"

    @field_validator("folder")
    @classmethod
    def _is_folder(cls, value: str) -> str:
        text = value.rstrip("/")
        # A colon or a comma would end a word of docker's -v and --mount.
        if value and not re.fullmatch(r"(/|~/)[\w.-][\w./-]*", text):
            raise ValueError("must be a folder such as /srv/jelly or ~/jelly: letters, digits, dots, dashes")
        return text

    @field_validator("image")
    @classmethod
    def _has_no_tag(cls, value: str) -> str:
        if ":" in value.rpartition("/")[2]:
            raise ValueError("write the tag into `tag`, the image's name alone into `image`")
        return value

    @property
    def reference(self) -> str:
        """The image as typed: the tag ``latest`` need not be said."""
        return self.image if self.tag == "latest" else f"{self.image}:{self.tag}"


def home(world: World) -> Machine:
    """The machine that runs it: who plays ``tequila``, else the first."""
    role = ROLE if ROLE in world.machines else next(iter(world.machines), ROLE)
    return seat(world, role)


def place(world: World, wish: Params) -> str:
    """The folder on that machine, from the root on."""
    text = wish.folder or ("/srv/jelly" if world.lab else "~/jelly")
    if text.startswith("~/"):
        text = home(world).run(["sh", "-c", 'printf %s "$HOME"']).ok().out.rstrip("/") + text[1:]
    return text


def door(world: World, wish: Params) -> Door:
    """Where the server is on its machine, and who asks."""
    kept = world.journal.path.parent / "keys" / "jellyfin"
    return Door(wish.port, wish.user, str(wish.password) if wish.password else f"file:{kept}")


def account(world: World, wish: Params) -> Account:
    """Who watches, and is the server's admin."""
    return door(world, wish).account


def url(world: World, wish: Params, seen_by: Machine | None = None) -> str:
    """The server's address: on its own machine the loopback; for others, such as `seen_by`, the machine's own."""
    machine = home(world)
    if seen_by is None or seen_by.name == machine.name or not isinstance(machine, LabMachine):
        return door(world, wish).url
    return f"http://{address(world)}:{wish.port}"


def address(world: World) -> str:
    """The machine's address in its own network, in the lab; empty at home."""
    machine = home(world)
    return next(iter(machine.addresses.values())).partition("/")[0] if isinstance(machine, LabMachine) else ""


def plan(world: World, wish: Params) -> Plan:
    """All that is to last: the engine, the image, folders and films, the container, the wizard, a library."""
    machine = home(world)
    if isinstance(machine, Nobody):
        return Plan(STAGE, notes=(f"{machine.why}: {machine.hint}.",))
    where, at, role = place(world, wish), door(world, wish), machine.name
    notes: list[str] = []
    now = container.read(machine, CONTAINER)
    if now.image and f"{where}/config:/config" not in now.volumes:
        return Plan(STAGE, notes=(OBSERVED.format(name=CONTAINER),))
    hardware = _hardware(machine, wish, notes)
    made, films = _films(machine, wish, f"{where}/media/{MOVIES}", notes)
    wanted = container_wanted(wish, where, hardware)
    changes = [
        *needs.engine(role)(world),
        *_pulled(machine, wish.reference, "fetch the image"),
        *_folders(machine, where),
        *made,
        *change(role, "container", now, wanted, "run it, as the talk does", name=CONTAINER),
        *_set_up(machine, wish, at, films, hardware, notes),
    ]
    return planned(STAGE, changes, notes=notes)


def _hardware(machine: Machine, wish: Params, notes: list[str]) -> str:
    """What to transcode with; nothing, and a note why, where the hardware is not there."""
    if lacks := lacking(machine, wish.transcoding)[0]:
        notes.append(f"No transcoding by {wish.transcoding}: {lacks}.")
        return transcoding.NONE
    return wish.transcoding


def _folders(machine: Machine, where: str) -> tuple[Change, ...]:
    paths = tuple(f"{where}/{part}" for part in ("config", "cache", f"media/{MOVIES}"))
    name = "\n".join(paths)
    wanted, why = folder.State(True, paths), "folders that outlive the container"
    return change(machine.name, "folder", folder.read(machine, name), wanted, why, name=name, loses=KEPT)


def _pulled(machine: Machine, reference: str, why: str) -> tuple[Change, ...]:
    return change(
        machine.name, "image", image.read(machine, reference), image.wanted(reference), why, name=reference
    )


def _films(
    machine: Machine, wish: Params, where: str, notes: list[str]
) -> tuple[list[Change], tuple[str, ...]]:
    """The films that are missing, and the titles that the library is to show."""
    if not wish.films:
        return [], ()
    found: list[Change] = []
    for title in film.FILMS:
        path = film.path_in(where, title)
        now = film.read(machine, path)
        why = f"make a small film, {film.full_title(title)}"
        found += change(machine.name, "film", now, film.State(True, title, path), why, name=path, loses=KEPT)
    if found and not machine.run(["sh", "-c", "command -v ffmpeg"]):
        notes.append(NO_FFMPEG)
        missing = {c.after.title for c in found}
        return [], tuple(t for t in film.FILMS if t not in missing)
    return found, tuple(film.FILMS)


def container_wanted(wish: Params, where: str, hardware: str = transcoding.NONE) -> container.State:
    """The container of the talk's ``docker run``, typed in the folder `where`; with what `hardware` needs."""
    return container.State(
        CONTAINER,
        wish.reference,
        running=True,
        ports=(f"{wish.port}:{PORT}",),
        volumes=(f"{where}/config:/config", f"{where}/cache:/cache"),
        mounts=(f"type=bind,source={where}/media,target=/media",),
        devices=(f"{transcoding.RENDER}:{transcoding.RENDER}",) if hardware == "vaapi" else (),
        gpus="all" if hardware == "nvenc" else "",
        folder=where,
    )


def _set_up(
    machine: Machine, wish: Params, at: Door, films: tuple[str, ...], hardware: str, notes: list[str]
) -> list[Change]:
    """The wizard, the library and the transcoding; nothing on a server that knows somebody else."""
    role, name = machine.name, library.name_of(at, LIBRARY)
    now = jellyfin_server.read(machine, str(at))
    if now.set_up and not _lets_us_in(machine, at):
        notes.append(NOT_OURS)
        return []
    done = jellyfin_server.State(True, wish.server_name, at.user, at.password, at.port)
    shelf = library.read(machine, name)
    wanted = library.State(True, LIBRARY, (f"/media/{MOVIES}",), films or shelf.films, str(at))
    found = [
        *change(role, "jellyfin_server", now, done, "walk through the first-run wizard", name=str(at), loses=jellyfin_server.NO_WAY_BACK),
        *change(role, "library", shelf, wanted, f"a library of the films in /media/{MOVIES}", name=name),
    ]  # fmt: skip
    if hardware != transcoding.NONE:
        before = transcoding.read(machine, str(at))
        after = replace(before, hardware=hardware, door=str(at))
        found += change(role, "transcoding", before, after, f"transcode by {hardware}", name=str(at))
    return found


def _lets_us_in(machine: Machine, at: Door) -> bool:
    try:
        seen_from(machine, at.url, at.account)
    except HomelabError:
        return False
    return True


def titles(wish: Params) -> tuple[str, ...]:
    """The films that the library is to show in any case: our own."""
    return tuple(film.FILMS) if wish.films else ()


def another_tag(world: World, wish: Params) -> Plan:
    """The image under a second tag, to see what two releases have in common; only where it costs nobody anything."""
    if not world.lab or not wish.compare or wish.compare == wish.tag:
        return Plan(STAGE, notes=("A second tag is fetched for the picture only in the lab.",))
    return planned(
        STAGE, _pulled(home(world), f"{wish.image}:{wish.compare}", "fetch an older release beside it")
    )


def layers(world: World, *references: str) -> Picture | Table:
    """The layers of those of the images that are there, drawn to scale; a table that says so where there are none."""
    found = {name: made for name in references if (made := _layers(home(world), name))}
    if not found:
        from homelab.pictures.tables import Table

        return Table((), (), "No image is here yet.")
    from homelab.pictures.image_layers import image_layers

    return image_layers(found)


def _layers(machine: Machine, reference: str) -> list[Layer]:
    """An image's layers from the lowest on; steps that added no files have none."""
    from homelab.engine import engine, translated
    from homelab.pictures.image_layers import Layer

    if isinstance(machine, Nobody) or not image.read(machine, reference).present:
        return []
    with translated(machine):
        found = engine(machine).images.get(reference)
        steps = [step for step in reversed(found.history()) if step["Size"]]
    ids = found.attrs["RootFS"]["Layers"]
    # Layers without bytes have no step here; the others keep their order, lowest first.
    return [Layer(i, step["Size"], _said(step)) for i, step in zip(ids[-len(steps) :], steps, strict=False)]


def _said(step: dict[str, str]) -> str:
    """What made a layer, in a few words."""
    text = step.get("Comment") or step["CreatedBy"]
    return re.sub(r"^(/bin/sh -c )?(#\(nop\) +)?", "", " ".join(text.split()))


def signed_in(world: World, wish: Params) -> Jellyfin:
    """The server, with our user logged in, as its own machine sees it.

    Raises:
        HomelabError: it does not answer, or does not know us.
    """
    return seen_from(home(world), url(world, wish), account(world, wish))
