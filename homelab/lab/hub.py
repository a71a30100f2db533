"""The lab's Docker Hub: what it can offer, building it into the cache, and offering it.

Nothing is built before it is asked for. `build` packs images into the cache; `offer` links what is
built into the storage of a docker-registry, which the cloud's front (`cloud/hub`) shows under the
names of the real registries.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from homelab.errors import LabRefused, nearest

from . import cache, paths
from .images import catalogue, composeplugin, packing, storage
from .images.definition import Repository
from .images.reference import TAG, Reference, familiar, parse

CATALOGUE: dict[str, Repository] = {r.name: r for r in catalogue.ALL}
COMPOSE = composeplugin.NAME  # the word for the plugin, which is no image


def build(refs: Iterable[str]) -> None:
    """Pack what is missing into the cache, on the host; the cache's lock is held.

    Raises:
        LabRefused: a reference is not in the catalogue; nothing was built.
        PrerequisiteMissing: no Go, no apt or no network where one of them is needed; or the disk is full.
        LabError: a build failed.
    """
    asked = list(refs)
    for name in _repositories(asked):
        packing.build(CATALOGUE[name])
    if COMPOSE in asked:
        plugin = composeplugin.plugin()
        cache.keep(plugin.kind, plugin.key(), plugin.make)


def is_built(refs: Iterable[str]) -> bool:
    """Whether `build` would have nothing to do; takes no lock and writes nothing."""
    asked = list(refs)
    return all(packing.find(CATALOGUE[name]) for name in _repositories(asked)) and (
        COMPOSE not in asked or compose().exists()
    )


def keys() -> dict[str, str]:
    """The key in the cache of everything that the hub can offer, by its familiar name."""
    return {familiar(name): packing.key(repository) for name, repository in CATALOGUE.items()}


def compose() -> Path:
    """Where the plugin `docker compose` lies, or will when it is built."""
    plugin = composeplugin.plugin()
    return paths.cache() / plugin.kind / plugin.key() / COMPOSE


def offer(into: Path, refs: Iterable[str]) -> list[str]:
    """Offer what is built in a registry's storage; what the hub has of it, as ``name:tag``.

    A tag that `tag` has moved stays where it is.

    Raises:
        LabRefused: a reference is not in the catalogue, or not built.
    """
    offered = []
    for known in [_known(ref) for ref in refs if ref != COMPOSE]:
        packed = packing.find(CATALOGUE[known.name])
        if not packed:
            raise LabRefused(f"{familiar(known.name)} is not built", hint=_supply(familiar(known.name)))
        digests = packing.tags(packed)
        chosen = {t: d for t, d in digests.items() if known.tag in (None, t)}
        storage.offer(into, known.name, packed, chosen, digests.values())
        offered += [f"{familiar(known.name)}:{t}" for t in chosen]
    return list(dict.fromkeys(offered))


def tag(into: Path, ref: str, new: str) -> str:
    """Let the tag `new` name what `ref` names, as when a release is published; its digest.

    Raises:
        LabRefused: the hub does not offer `ref`, or `new` is no tag.
    """
    asked = parse(ref)
    if not TAG.fullmatch(new):
        raise LabRefused(f"{new!r} is no tag", hint="letters, digits, and _ . - after the first")
    digest = storage.tag_digest(into, asked.name, asked.tag or "latest")
    if digest is None:
        has = ", ".join(storage.tags(into, asked.name)) or "nothing"
        raise LabRefused(
            f"the hub does not offer {ref}; of {familiar(asked.name)} it has {has}", hint=_supply(ref)
        )
    storage.move(into, asked.name, new, digest)
    return digest


def _repositories(refs: list[str]) -> list[str]:
    return list(dict.fromkeys(_known(ref).name for ref in refs if ref != COMPOSE))


def _known(ref: str) -> Reference:
    asked = parse(ref)
    repository = CATALOGUE.get(asked.name)
    if not repository:
        names = [familiar(name) for name in CATALOGUE]
        raise LabRefused(f"the lab's hub cannot offer {ref}", hint=nearest(familiar(asked.name), names))
    if asked.tag and asked.tag not in repository.tags:
        raise LabRefused(
            f"the lab's hub has no tag {asked.tag!r} of {familiar(asked.name)}",
            hint=nearest(asked.tag, repository.tags),
        )
    return asked


def _supply(ref: str) -> str:
    return f"python -m homelab.lab supply {ref}"
