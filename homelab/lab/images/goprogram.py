"""Go programs for images: static, stripped, made once into the cache."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from .. import golang
from .definition import Made
from .sources import source_key

IMAGES = Path(__file__).parent  # the module of our own programs


def ours(package: str) -> Made:
    """A program of the module that lies beside this file, such as ``jellyfin``."""
    places = [IMAGES / "go.mod", IMAGES / "go.sum", IMAGES / "internal", IMAGES / package]
    return program(IMAGES, f"./{package}", package, places, "")


def pinned(module: str, package: str, name: str, ldflags: str = "", tags: str = "") -> Made:
    """Somebody else's program, of the version that the go.mod in the folder `module` says."""
    folder = IMAGES / module
    return program(folder, package, name, [folder / "go.mod", folder / "go.sum"], ldflags, tags)


def files(path: str) -> Made:
    """Files beside our programs, as a folder."""
    place = IMAGES / path
    name = path.replace("/", "-")
    return Made("source", lambda: f"{name}-{source_key([place])}", lambda to: _copy(place, to))


def _copy(place: Path, to: Path) -> None:
    shutil.copytree(place, to, dirs_exist_ok=True)


def program(module: Path, package: str, name: str, places: list[Path], ldflags: str, tags: str = "") -> Made:
    """A folder with the program `name`, keyed by the sources at `places`."""

    def key() -> str:
        told = hashlib.sha256(f"{ldflags} {tags}".encode()).hexdigest()[:8]
        return f"{name}-{source_key(places)}-{told}"

    def make(folder: Path) -> None:
        flags = ["-ldflags", f"-s -w -buildid= {ldflags}".strip(), "-tags", tags]
        golang.build(module, f"building {name}", [*flags, "-o", str(folder / name), package])

    return Made("program", key, make)
