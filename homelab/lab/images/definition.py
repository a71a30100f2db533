"""What an image is made of, as plain data; the key in the cache follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

CREATED = "2026-01-01T00:00:00Z"  # of every image: building it another day makes the same bytes

# What an image says that is no stand-in, and not the project's own image either.
PACKED = "the real program, as the distribution has it, in an image that the lab packed"


@dataclass(frozen=True)
class Made:
    """A folder that is made once into the cache, by kind and key, before images are packed from it."""

    kind: str
    key: Callable[[], str]
    make: Callable[[Path], None]


@dataclass(frozen=True)
class Entry:
    """One thing in a layer; `pack/gather.go` says what each field means.

    `file` and `tree` are looked for in the lab's packages, then on this machine; with `of`, in that
    folder of the cache.
    """

    path: str
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    dir: bool = False
    text: str | None = None
    link: str = ""
    file: str = ""
    tree: str = ""
    skip: tuple[str, ...] = ()
    needs: bool = False
    of: Made | None = None


@dataclass(frozen=True)
class Layer:
    """Some entries, packed together, so that images share them."""

    name: str
    about: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Image:
    """What one or more tags name; `config` in the words of the Docker image specification."""

    tags: tuple[str, ...]
    layers: tuple[Layer, ...]
    config: Mapping[str, Any]

    @property
    def layer_names(self) -> list[str]:
        """From the lowest to the highest."""
        return [layer.name for layer in self.layers]


@dataclass(frozen=True)
class Repository:
    """All that the hub offers under one name, such as ``docker.io/jellyfin/jellyfin``."""

    name: str
    images: tuple[Image, ...]
    room: int = 200  # MiB that building it may take
    packages: tuple[str, ...] = field(default=())  # that only this one needs, of the distribution

    @property
    def tags(self) -> list[str]:
        """Every tag."""
        return [tag for image in self.images for tag in image.tags]

    @property
    def layers(self) -> list[Layer]:
        """Every layer once, lower ones first."""
        found: dict[str, Layer] = {}
        for image in self.images:
            for layer in image.layers:
                if found.setdefault(layer.name, layer) != layer:
                    raise ValueError(f"{self.name}: two layers are named {layer.name}")
        return list(found.values())

    @property
    def made(self) -> list[Made]:
        """Every folder of the cache that it is packed from, once."""
        found = {id(e.of): e.of for layer in self.layers for e in layer.entries if e.of}
        return list(found.values())


def seconds(number: float) -> int:
    """As the image specification counts time: in nanoseconds."""
    return int(number * 1_000_000_000)


def health(*command: str, interval: float = 2, start: float = 0, retries: int = 15) -> dict[str, Any]:
    """A healthcheck, Docker's own field of an image's configuration."""
    period = {"StartPeriod": seconds(start)} if start else {}
    test = ["CMD", *command]
    return {"Test": test, "Interval": seconds(interval), "Timeout": seconds(5), "Retries": retries, **period}


def labels(title: str, about: str, version: str, stand_in: str = "") -> dict[str, str]:
    """What an image says of itself; `stand_in` says what plays the real program, if anything does."""
    standard = "org.opencontainers.image."
    said = {standard + "title": title, standard + "description": about, standard + "version": version}
    return said | ({"homelab.stand-in": stand_in} if stand_in else {})


def recipe(repository: Repository, where: Callable[[Made], Path], **surroundings: Any) -> dict[str, Any]:
    """What `pack` is given: the definition, with the folders of the cache in place of their names."""
    return {
        "created": CREATED,
        **surroundings,
        "layers": [
            {"name": x.name, "about": x.about, "entries": [_entry(e, where) for e in x.entries]}
            for x in repository.layers
        ],
        "images": [
            {"tags": list(i.tags), "layers": i.layer_names, "config": dict(i.config)}
            for i in repository.images
        ],
    }


def fingerprint(repository: Repository) -> str:
    """Changes with everything in the definition, and with what it is packed from."""
    text = repr([replace_made(layer) for layer in repository.layers])
    text += repr([(i.tags, i.layer_names, sorted(_plain(i.config))) for i in repository.images])
    return hashlib.sha256(text.encode()).hexdigest()


def replace_made(layer: Layer) -> tuple[str, str, list[tuple[str, Entry]]]:
    """A layer with keys in place of functions, whose `repr` differs in every process."""
    entries = [(f"{e.of.kind}/{e.of.key()}" if e.of else "", replace(e, of=None)) for e in layer.entries]
    return layer.name, layer.about, entries


def _plain(config: Mapping[str, Any]) -> list[str]:
    return [f"{key}={config[key]!r}" for key in config]


def _entry(entry: Entry, where: Callable[[Made], Path]) -> dict[str, Any]:
    plain = {k: v for k, v in vars(entry).items() if k != "of" and v not in (None, "", (), False)}
    for source in ("file", "tree"):
        if entry.of and source in plain:
            plain[source] = f"//{where(entry.of).relative_to('/')}/{plain[source]}".rstrip("/.")
    return plain
