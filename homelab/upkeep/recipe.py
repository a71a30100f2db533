"""How the data of a Compose project is backed up: what its ``x-homelab`` block says, read on the machine.

The project on the machine is asked, not our copy of it: at home it may be older, or the reader's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from homelab.engine import run
from homelab.errors import HomelabError, ParamsError, PrerequisiteMissing, Problem
from homelab.machine import Machine

FILE = "compose.yaml"
HINT = "say under x-homelab: backup: {folders: [config], stop: [SERVICE]}"


@dataclass(frozen=True)
class Recipe:
    """What to keep of the project in `folder`, and how to get it consistent.

    `folders` and `files` are below the project's. The services `stop` stand still meanwhile. Where there
    is a database, `dumper` is its service: `dump` writes it to `file` first and `restore` reads it back;
    `database` are the folders that hold it, which a restore makes anew.
    """

    folder: str
    folders: tuple[str, ...]
    files: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    dumper: str = ""
    dump: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    file: str = ""
    database: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """The project's name, which its backups carry as a tag."""
        return self.folder.rpartition("/")[2]

    @property
    def data(self) -> tuple[str, ...]:
        """What a restore replaces."""
        return (*self.folders, *([self.file] if self.file else []))

    def word(self) -> str:
        """As one word of plain text, for a state that is saved; `of_word` reads it."""
        return json.dumps({k: v for k, v in asdict(self).items() if v or k == "folders"})

    @classmethod
    def of_word(cls, word: str) -> Recipe:
        """The recipe that `word` made."""
        plain: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(word).items()
        }
        return cls(**plain)


def compose(machine: Machine, folder: str) -> dict[str, Any]:
    """The Compose project in `folder`, with every variable filled in, as Compose itself reads it.

    Raises:
        PrerequisiteMissing: there is no such project.
        EngineError: Compose refuses it, or is not there.
    """
    if not machine.run(["test", "-f", f"{folder}/{FILE}"]):
        hint = "the stage *services* puts it there"
        raise PrerequisiteMissing(f"there is no Compose project in {folder}", machine.name, hint)
    done = run(machine, ["docker", "compose", "-f", f"{folder}/{FILE}", "config", "--format", "json"])
    found: dict[str, Any] = json.loads(done.out)
    return found


def read(machine: Machine, folder: str) -> Recipe:
    """The recipe of the project in `folder` on `machine`.

    Raises:
        PrerequisiteMissing: there is no such project.
        ParamsError: it does not say what to back up.
    """
    source = f"{machine.name}:{folder}/{FILE}"
    return of_project(compose(machine, folder), folder, beside(machine, folder), source)


def beside(machine: Machine, folder: str) -> list[str]:
    """The files of the project that are in none of its subfolders, such as ``compose.yaml`` and ``.env``."""
    found = machine.run(["find", folder, "-maxdepth", "1", "-type", "f", "-printf", "%f\n"]).ok()
    return sorted(found.out.split())


def of_project(
    project: dict[str, Any], folder: str, beside: Sequence[str] = (), source: str = FILE
) -> Recipe:
    """The recipe in `project`, whose folder has the files `beside` its subfolders.

    Raises:
        ParamsError: see `read`.
    """

    def refuse(what: str, hint: str = HINT) -> ParamsError:
        return ParamsError([Problem(source, what, hint)])

    folder = folder.rstrip("/")
    services: dict[str, Any] = project.get("services") or {}
    backup = (project.get("x-homelab") or {}).get("backup")
    if not isinstance(backup, dict):
        raise refuse("does not say what to back up")
    folders, stop, dump = _words(backup.get("folders")), _words(backup.get("stop")), backup.get("dump") or {}
    if not folders and not dump:
        raise refuse("a backup of nothing is none")
    for name in (*stop, *([dump["service"]] if dump else [])):
        if name not in services:
            raise refuse(f"no service is called {name!r}", f"known: {', '.join(services)}")
    for name in (*folders, dump.get("file", "file")):
        if name.startswith(("/", "-")) or ".." in name.split("/"):
            raise refuse(f"{name!r} is not below the project's folder", "bind the data from ./…")
    # Compose's own files; names with a dot are notes, ours and those of `homelab.resources.project`.
    ours = tuple(f for f in beside if f != dump.get("file") and (f == ".env" or not f.startswith(".")))
    if not dump:
        return Recipe(folder, folders, ours, stop)
    database = _bound(services[dump["service"]], folder)
    if not database:
        raise refuse(
            f"the database of {dump['service']!r} is not in a folder of the project",
            "bind it from ./database: a restore puts the old one aside before it makes a new one",
        )
    return Recipe(
        folder, folders, ours, stop, dump["service"], _words(dump["command"]), _words(dump["restore"]),
        dump["file"], database,
    )  # fmt: skip


def _bound(service: dict[str, Any], folder: str) -> tuple[str, ...]:
    """The folders of the project that a service may write to."""
    return tuple(
        str(v["source"]).removeprefix(f"{folder}/")
        for v in service.get("volumes") or []
        if v.get("type") == "bind" and not v.get("read_only") and str(v["source"]).startswith(f"{folder}/")
    )


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(v) for v in value or ())


# What we note beside a project, and the folders of what was put aside and of what is being fetched.
BACKING_UP = ".backing-up"  # a backup has stopped services
PUTTING_BACK = ".putting-back"  # a restore is under way: from which snapshot
RESTORED = ".restored"  # the snapshots that were put back, one a line
HELD = ".held-back"  # releases that did not get healthy here
ASIDE, RESTORING = ".aside", ".restoring"


NAME = " in "  # a state of a service's data is named by the project's folder and the repository


def name_of(folder: str, place: str) -> str:
    """What the data of the project in `folder`, kept at `place`, is called in a change."""
    return f"{folder.rstrip('/')}{NAME}{place}"


def split(name: str) -> tuple[str, str]:
    """The folder and the place in `name`.

    Raises:
        HomelabError: it is not such a name.
    """
    folder, found, place = name.partition(NAME)
    if not found:
        raise HomelabError(f"{name!r} does not name a project and a repository")
    return folder, place
