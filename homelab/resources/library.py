"""A library of a Jellyfin server: a name for some folders, and what the server has found in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.clients.jellyfin import Jellyfin, JellyfinError, seen_from
from homelab.errors import PrerequisiteMissing
from homelab.machine import Machine
from homelab.resources import film
from homelab.resources.jellyfin_api import Door, asked, line, login_line

KIND = "movies"


@dataclass(frozen=True)
class State:
    """Whether there is such a library, of which folders (as the server sees them), and which of our `films` it shows.

    `door` says where and as whom; see `homelab.resources.jellyfin_api.Door`.
    """

    there: bool
    library: str
    paths: tuple[str, ...] = ()
    films: tuple[str, ...] = ()
    door: str = field(default="", compare=False, metadata={"show": False})


def name_of(door: Door, library: str) -> str:
    """The resource's name: the door, and the library's own name."""
    return f"{door} {library}"


def read(machine: Machine, name: str) -> State:
    """Ask the server; one that does not answer, or does not know us yet, shows no library."""
    door = Door.parse(name)
    library = name.split(" ", 3)[3]
    none = State(False, library, door=str(door))
    try:
        found = seen_from(machine, door.url, door.account)
        paths = next((one.paths for one in found.libraries() if one.name == library), None)
        return none if paths is None else State(True, library, paths, _ours(found, paths), str(door))
    except (JellyfinError, PrerequisiteMissing):
        return none


def _ours(found: Jellyfin, paths: tuple[str, ...]) -> tuple[str, ...]:
    wanted = {film.path_in(path, title): title for path in paths for title in film.FILMS}
    return tuple(sorted(wanted[one.path] for one in found.films() if one.path in wanted))


def command(before: State, after: State) -> list[str]:
    """The API by curl: log in, make or forget the library, scan."""
    door = Door.parse(after.door)
    return ["sh", "-c", "\n".join([login_line(door), *_lines(door, before, after)])]


def _lines(door: Door, before: State, after: State) -> list[str]:
    if not after.there:
        query = asked(name=before.library, refreshLibrary="false")
        return [line(door, f"/Library/VirtualFolders{query}", method="DELETE")]
    if before.there:
        return [line(door, "/Library/Refresh")]
    query = asked(name=after.library, collectionType=KIND, refreshLibrary="true")
    options = {"LibraryOptions": {"PathInfos": [{"Path": path} for path in after.paths]}}
    return [line(door, f"/Library/VirtualFolders{query}", options)]


def do(machine: Machine, before: State, after: State) -> None:
    """The same through our client; waits for the end of the scan.

    Raises:
        JellyfinError: the server refuses, or its scan failed.
    """
    door = Door.parse(after.door or before.door)
    found = seen_from(machine, door.url, door.account)
    if not after.there:
        found.remove_library(before.library)
        return
    if not before.there:
        found.add_library(after.library, *after.paths, kind=KIND)
    found.scan()
