"""What Jellyfin tells, as plain values: read from its JSON by `user`, `film`, `watched` and `library`.

Field names are those of the published OpenAPI document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

TICKS = 10_000_000  # a second in the server's unit of time
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """Who logs in: a user's `name`, and a reference to the `password` (``env:NAME``, ``file:PATH``)."""

    name: str
    password: str


@dataclass(frozen=True)
class Server:
    """What a server says of itself to anybody; `wizard_done`: the first-run wizard has been walked through."""

    name: str
    version: str
    id: str
    product: str
    wizard_done: bool


@dataclass(frozen=True)
class User:
    """Somebody who may log in."""

    id: str
    name: str
    admin: bool


@dataclass(frozen=True)
class Library:
    """A library: its `kind` (movies, tvshows, …) and the folders as the server sees them."""

    name: str
    kind: str
    paths: tuple[str, ...]
    id: str = ""


@dataclass(frozen=True)
class Film:
    """A film in a library: `seconds` long, `size` in bytes, `path` as the server sees it."""

    id: str
    name: str
    year: int
    container: str
    seconds: float
    size: int
    path: str

    @property
    def title(self) -> str:
        """The file's own title, without the year: a server that looks films up may show another `name`."""
        return re.sub(r" \(\d{4}\)$", "", PurePosixPath(self.path).stem)


@dataclass(frozen=True)
class Watched:
    """How far this user is with a film: `position` in seconds."""

    position: float
    played: bool
    count: int = 0


@dataclass(frozen=True)
class Piece:
    """A piece of a film: `status` is 206 where the server honours ranges, `total` the film's size in bytes."""

    status: int
    data: bytes
    total: int
    media: str


def server(data: Json) -> Server:
    """From ``PublicSystemInfo``."""
    return Server(
        str(data.get("ServerName") or ""),
        str(data.get("Version") or ""),
        str(data.get("Id") or ""),
        str(data.get("ProductName") or ""),
        bool(data.get("StartupWizardCompleted")),
    )


def user(data: Json) -> User:
    """From ``UserDto``."""
    return User(str(data["Id"]), str(data["Name"]), bool((data.get("Policy") or {}).get("IsAdministrator")))


def library(data: Json) -> Library:
    """From ``VirtualFolderInfo``."""
    kind, paths = str(data.get("CollectionType") or "mixed"), tuple(data.get("Locations") or ())
    return Library(str(data["Name"]), kind, paths, str(data.get("ItemId") or ""))


def film(data: Json) -> Film:
    """From ``BaseItemDto``."""
    source: Json = next(iter(data.get("MediaSources") or ()), {})
    return Film(
        str(data["Id"]),
        str(data["Name"]),
        int(data.get("ProductionYear") or 0),
        str(data.get("Container") or source.get("Container") or ""),
        (data.get("RunTimeTicks") or 0) / TICKS,
        int(source.get("Size") or 0),
        str(data.get("Path") or source.get("Path") or ""),
    )


def watched(data: Json) -> Watched:
    """From ``UserItemDataDto``."""
    position = (data.get("PlaybackPositionTicks") or 0) / TICKS
    return Watched(position, bool(data.get("Played")), int(data.get("PlayCount") or 0))
