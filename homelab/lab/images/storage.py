"""docker-registry's storage, written by us: blobs are links into the cache, a tag is a small file.

The layout is the one of distribution's file system driver (``registry/storage/paths.go``). The registry
needs no restart: it looks at the disk for every request.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

TOP = Path("docker/registry/v2")


def offer(storage: Path, name: str, packed: Path, tags: dict[str, str], known: Collection[str]) -> None:
    """Offer manifests of `packed`, which `pack` wrote, as `tags` of the repository; what is there stays.

    A tag that somebody moved (`move`) stays where it is too, unless that is none of the `known` manifests.
    """
    for digest in dict.fromkeys(tags.values()):
        manifest = json.loads(_packed(packed, digest).read_text())
        _blob(storage, packed, digest)
        for blob in (manifest["config"]["digest"], *(x["digest"] for x in manifest["layers"])):
            _blob(storage, packed, blob)
            _link(_repository(storage, name) / "_layers" / _parts(blob), blob)
        _link(_repository(storage, name) / "_manifests" / "revisions" / _parts(digest), digest)
    for tag, digest in tags.items():
        if tag_digest(storage, name, tag) not in known:
            move(storage, name, tag, digest)


def tag_digest(storage: Path, name: str, tag: str) -> str | None:
    """The manifest that a tag names, or None."""
    try:
        return (_tag(storage, name, tag) / "current" / "link").read_text()
    except FileNotFoundError:
        return None


def tags(storage: Path, name: str) -> list[str]:
    """The tags that a repository has."""
    folder = _repository(storage, name) / "_manifests" / "tags"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def move(storage: Path, name: str, tag: str, digest: str) -> None:
    """Let `tag` name a manifest of the repository from now on."""
    _link(_tag(storage, name, tag) / "index" / _parts(digest), digest)
    _link(_tag(storage, name, tag) / "current", digest)


def manifest(storage: Path, digest: str) -> dict[str, Any]:
    """A manifest that is in the storage."""
    return dict(json.loads((_data(storage, digest) / "data").read_text()))


def _blob(storage: Path, packed: Path, digest: str) -> None:
    to = _data(storage, digest) / "data"
    if to.exists():
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    new = to.with_name(f".new-{os.getpid()}")
    new.unlink(missing_ok=True)
    try:
        os.link(_packed(packed, digest), new)
    except OSError:  # another file system, or one without links
        shutil.copyfile(_packed(packed, digest), new)
    new.replace(to)


def _link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".new-", delete=False) as new:
        new.write(digest)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(folder / "link")


def _repository(storage: Path, name: str) -> Path:
    return storage / TOP / "repositories" / name


def _tag(storage: Path, name: str, tag: str) -> Path:
    return _repository(storage, name) / "_manifests" / "tags" / tag


def _data(storage: Path, digest: str) -> Path:
    algorithm, _, number = digest.partition(":")
    return storage / TOP / "blobs" / algorithm / number[:2] / number


def _packed(packed: Path, digest: str) -> Path:
    return packed / "blobs" / _parts(digest)


def _parts(digest: str) -> Path:
    algorithm, _, number = digest.partition(":")
    return Path(algorithm, number)
