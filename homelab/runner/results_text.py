"""The text of ``results.json``: written at every record, so only what has changed since is masked and laid out anew.

It is the text of ``json.dumps(masked(data), indent=1, ensure_ascii=False)``, which for a run of all stages takes 0.1 s.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from homelab.record import masked
from homelab.secret import revealed


def text(run: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> str:
    """The JSON of a run: its own keys, with `stages` in the place of that key; no secret is in it."""
    hidden = tuple(revealed())
    parts = {key: _laid_out(json.dumps(value), hidden) for key, value in run.items()}
    return _object(parts | {"stages": _array(_stage(json.dumps(stage), hidden) for stage in stages)})


@functools.lru_cache(maxsize=64)
def _stage(stage: str, hidden: tuple[str, ...]) -> str:
    """The text of a stage, given as JSON; `hidden`: what is masked in it just now."""
    return _object({key: _value(value, hidden) for key, value in json.loads(stage).items()})


def _value(value: Any, hidden: tuple[str, ...]) -> str:
    if isinstance(value, list):  # of records: of all but the newest the text is known
        return _array(_laid_out(json.dumps(item), hidden) for item in value)
    return _laid_out(json.dumps(value), hidden)


@functools.lru_cache(maxsize=4096)
def _laid_out(value: str, hidden: tuple[str, ...]) -> str:
    return json.dumps(masked(json.loads(value)), indent=1, ensure_ascii=False)


def _object(parts: Mapping[str, str]) -> str:
    lines = (f"{json.dumps(key)}: {part}" for key, part in parts.items())
    return f"{{{_inside(lines)}\n}}"


def _array(parts: Iterable[str]) -> str:
    inside = _inside(parts)
    return f"[{inside}\n]" if inside else "[]"


def _inside(parts: Iterable[str]) -> str:
    return ",".join("\n " + part.replace("\n", "\n ") for part in parts)
