"""Packing a repository's images into the cache, once for every change of their definition."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import shutil
import subprocess
from pathlib import Path

from homelab.errors import LabError

from .. import cache, golang, packages, paths, progress
from .base import LIBRARIES
from .definition import Repository, fingerprint, recipe
from .sources import source_key

MODULE = Path(__file__).parent
KEPT = 3  # builds of a repository, for checkouts of other versions
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def find(repository: Repository) -> Path | None:
    """Where its images lie packed, or None."""
    place = paths.cache() / "images" / key(repository)
    return place if (place / "tags.json").exists() else None


def tags(packed: Path) -> dict[str, str]:
    """The digest of the manifest for every tag."""
    return dict(json.loads((packed / "tags.json").read_text()))


def key(repository: Repository) -> str:
    """What the packed images are keyed by: their definition, its sources, the packer, the packages."""
    short = repository.name.partition("/")[2].replace("/", "-")
    packed_from = (fingerprint(repository), packer_key(), packages.key(), packages.key(repository.packages))
    return f"{short}-{hashlib.sha256(' '.join(packed_from).encode()).hexdigest()[:16]}"


def build(repository: Repository) -> Path:
    """Pack it if need be; the cache's lock is held. The folder.

    Raises:
        PrerequisiteMissing: no Go, no apt or no network where one of them is needed; or the disk is full.
        LabError: packing failed.
    """
    if packed := find(repository):
        return packed
    cache.need_room(repository.room)
    packages.ensure()
    if repository.packages:
        packages.ensure(repository.packages)
    for made in repository.made:
        cache.keep(made.kind, made.key(), made.make)
    cache.keep("packer", packer_key(), _packer)
    packed = cache.keep("images", key(repository), lambda folder: pack(repository, folder))
    _forget_old(packed)
    return packed


def _forget_old(packed: Path) -> None:
    """Remove builds of the repository but the newest few; what a lab offers of them is linked there."""
    name = packed.name.rpartition("-")[0]
    builds = [p for p in packed.parent.glob(f"{name}-*") if p.name.rpartition("-")[0] == name]
    for old in sorted(builds, key=lambda p: p.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def pack(repository: Repository, folder: Path) -> None:
    """Pack it into an empty folder, from what `build` made before.

    Raises:
        PrerequisiteMissing: the disk is full.
        LabError: packing failed.
    """
    own = [packages.place(repository.packages)] if repository.packages else []
    text = recipe(
        repository,
        lambda made: paths.cache() / made.kind / made.key(),
        architecture=ARCHITECTURES.get(platform.machine(), platform.machine()),
        roots=[str(r) for r in (*own, packages.place(), Path("/"))],
        libraries=list(LIBRARIES),
    )
    asked = folder / "recipe.json"
    asked.write_text(json.dumps(text, indent=1))
    packer = paths.cache() / "packer" / packer_key() / "pack"
    with progress.step(f"packing {repository.name}"):
        done = subprocess.run(
            [str(packer), str(asked), str(folder)], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            said = done.stderr.strip()
            if "no space left" in said:
                raise cache.no_room(OSError(28, "No space left on device"))
            raise LabError(f"packing {repository.name} failed: {said}")


@functools.cache
def packer_key() -> str:
    """Changes with the packer's source and what it is linked to."""
    return source_key([MODULE / "go.mod", MODULE / "go.sum", MODULE / "pack"])


def _packer(folder: Path) -> None:
    golang.build(MODULE, "building the image packer", ["-o", str(folder / "pack"), "./pack"])
