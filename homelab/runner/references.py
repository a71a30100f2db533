"""The secrets that a run's parameters refer to: is each of them there, before anything starts?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from homelab import secret_source, stages
from homelab.errors import ParamsError, PrerequisiteMissing, Problem
from homelab.params import World
from homelab.secret import Secret

WATCH = ("notify.", "heartbeat")  # keys that only `./runbook watch` uses


def references(world: World, values: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Secret]]:
    """Each reference with the parameter that holds it; `values`: per stage, its plain parameters."""
    models: dict[str, BaseModel] = {"": world.common}
    for stage, found in values.items():
        models[f"{stage[3:]}."] = stages.module(stage).Params.model_validate(found)
    for prefix, model in models.items():
        yield from _within(prefix, model)


def _within(prefix: str, model: BaseModel) -> Iterator[tuple[str, Secret]]:
    for name, value in model:
        if isinstance(value, Secret):
            yield prefix + name, value
        elif isinstance(value, BaseModel):
            yield from _within(f"{prefix}{name}.", value)


def seen(secret: Secret) -> tuple[bool, str, str]:
    """Whether `secret` is there, what was seen, and what to do; a command is asked only when it is used."""
    if secret.kind == "cmd":
        return True, f"{secret} is asked only when it is used", ""
    if secret.kind == "env":
        there = bool(os.environ.get(secret.name))
        return there, f"{secret.name} is {'set' if there else 'not set'}", f"export {secret.name}=…"
    try:
        return True, secret_source.looked_at(secret.name), ""
    except PrerequisiteMissing as error:
        return False, f"{secret}: {error.what}", error.hint


def require(world: World, values: Mapping[str, Mapping[str, Any]]) -> None:
    """Insist that every secret is there that a stage may need; who is told by a watch is not asked here.

    Raises:
        ParamsError: the ones that are not, each with its parameter.
    """
    problems = []
    for name, secret in references(world, values):
        there, said, hint = seen(secret)
        if not there and not name.startswith(WATCH):
            problems.append(Problem(name, said, hint))
    if problems:
        raise ParamsError(problems)
