"""Blot secrets out of a notebook, in place: papermill and nbclient keep hold of the same object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from homelab.errors import PrerequisiteMissing
from homelab.params import World
from homelab.secret import Secret, conceal, mask

KNOWN_HERE = ("env:", "file:")  # cmd: may ask a person, or cost something: only its user runs it


def blot(value: Any) -> Any:
    """`value` (plain data) with every secret masked; lists and mappings are changed in place."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        value[:] = [blot(item) for item in value]
    elif isinstance(value, dict):
        for key in value:
            value[key] = blot(value[key])
    return value


def conceal_all(world: World, parameters: Iterable[Any]) -> None:
    """Have `mask` hide what the references in the params file and in `parameters` stand for."""
    for word in (*_words(world.document.data), *_words(list(parameters))):
        if not word.startswith(KNOWN_HERE):
            continue
        try:
            conceal(Secret.parse(word).reveal())
        except (PrerequisiteMissing, ValueError, OSError):
            continue  # there is nothing to hide; who needs it says so


def _words(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
