"""What a run is asked for: its stages with their parameters, checked before anything starts."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from homelab import stages
from homelab.errors import HomelabError, ParamsError, Problem, nearest
from homelab.params import World, WorldParams, for_stage, path_of, read
from homelab.yamldoc import Document

LAB = "lab"


@dataclass(frozen=True)
class Request:
    """A good request: the world, and for each stage its notebook and the plain values of its parameters."""

    world: World
    stages: dict[str, dict[str, Any]]
    notebooks: dict[str, dict[str, Any]]
    apply: bool | None = None
    common: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        params = LAB if self.world.path == path_of(LAB) else str(self.world.path.absolute())
        given = {} if self.apply is None else {"apply": self.apply}
        object.__setattr__(self, "common", {"params": params, **given})

    @property
    def applies(self) -> bool:
        """Whether changes are applied: as was asked for, else the world's way."""
        own = self.world.is_lab or self.world.common.apply
        return own if self.apply is None else self.apply

    def parameters(self, stage: str) -> dict[str, Any]:
        """All that is injected into the notebook of `stage`."""
        looked_at = {} if self.world.manages(stage) else {"apply": False}
        return {**self.common, **looked_at, **self.stages[stage]}


def understand(
    words: Sequence[str], params: str = LAB, settings: Sequence[str] = (), apply: bool | None = None
) -> Request:
    """The request in the words of a command line: stages, params file, and ``NAME=VALUE`` settings.

    Raises:
        ParamsError: every problem in all of them.
    """
    problems: list[Problem] = []
    chosen: list[str] = []
    for word in words:
        try:
            chosen.append(stages.find(word))
        except ParamsError as error:
            problems += error.problems
    chosen = sorted(set(chosen)) if words else stages.names()
    if not chosen and not problems:
        problems.append(Problem(str(stages.NOTEBOOKS), "holds no notebooks", "is this checkout complete?"))
    given = _settings(settings, problems)
    try:
        world = read(params)
    except ParamsError as error:
        problems += error.problems
        world = World(path_of(params), WorldParams.model_validate({}), Document(str(params), {}))
    # Where none of the stages is known, a setting is at least one that some stage has.
    fields = {stage: stages.module(stage).Params.model_fields for stage in chosen or stages.names()}
    known = {name for names in fields.values() for name in names}
    problems += [_unknown(name, known, chosen) for name in given if name not in known]
    values: dict[str, dict[str, Any]] = {}
    for stage in chosen:
        try:
            values[stage] = for_stage(world, stage, {k: v for k, v in given.items() if k in fields[stage]})
        except ParamsError as error:
            problems += error.problems
    notebooks = {stage: _notebook(stage, {"params", "apply", *fields[stage]}, problems) for stage in chosen}
    if problems:
        raise ParamsError(list(dict.fromkeys(problems)))
    return Request(world, values, notebooks, apply)


def _notebook(stage: str, needed: set[str], problems: list[Problem]) -> dict[str, Any]:
    """The notebook of `stage`; papermill would only warn where it does not take what it is given."""
    path = stages.notebook(stage)
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", ())]
        code = ast.parse("".join(line for cell in cells for line in cell["source"]))
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        problems.append(Problem(str(path), f"is not a notebook: {error}", "git checkout brings it back"))
        return {"cells": []}
    takes = {
        target.id
        for line in code.body
        for target in (line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)])
        if isinstance(target, ast.Name)
    }
    if missing := sorted(needed - takes):
        problems.append(Problem(str(path), f"its parameters cell does not have {', '.join(missing)}"))
    return dict(notebook)


def _settings(words: Sequence[str], problems: list[Problem]) -> dict[str, str]:
    given: dict[str, str] = {}
    for number, word in enumerate(words, 1):
        name, found, value = word.partition("=")
        if not found or not name.strip():  # not repeated: it may be a secret
            what = (
                f"what follows the {number}. -p is not NAME=VALUE" if len(words) > 1 else "is not NAME=VALUE"
            )
            problems.append(Problem("-p", what, "write for example -p hostname=demo"))
        elif name in given:
            problems.append(Problem(f"-p {name}", "is given twice", "keep one of them"))
        else:
            given[name] = value
    return given


def _unknown(name: str, known: set[str], chosen: Sequence[str]) -> Problem:
    if name in ("params", "apply"):
        hint = "--params FILE names the params file" if name == "params" else "--apply or --plan says that"
        return Problem(f"-p {name}", "is not a stage's parameter", hint)
    which = f"{chosen[0]} has" if len(chosen) == 1 else "no stage of this run has"
    what = f"{which} no such parameter" if len(chosen) == 1 else f"{which} such a parameter"
    return Problem(f"-p {name}", what, nearest(name, known) or "it has none")


def stage_problem(error: HomelabError) -> dict[str, Any]:
    """`error` as the results keep it."""
    where = f"{error.where}: " if error.where else ""
    return {
        "type": type(error).__name__,
        "what": where + error.what,
        "hint": error.hint or None,
        "cell": None,
    }
