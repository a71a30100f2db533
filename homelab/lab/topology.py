"""Which machines there are and how they are wired: data, checked as a whole before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from homelab.errors import ParamsError, Problem
from homelab.yamldoc import Document, load, problems_of

from .contradictions import contradictions
from .shapes import Topology


def read(path: str | Path) -> Topology:
    """The topology in a params file (key `topology`) or in a file of its own.

    Raises:
        ParamsError: every contradiction in it, with file, line and remedy.
    """
    document = load(path)
    if "topology" in document.data:
        document = document.under("topology")
    elif "world" in document.data:
        raise ParamsError([Problem(f"{path}:1", "has no `topology`", "copy it from params/lab.yaml")])
    return check(document)


def check(document: Document) -> Topology:
    """`document` as a topology.

    Raises:
        ParamsError: as `read`.
    """
    if not isinstance(document.data, dict):
        raise ParamsError([Problem(document.where(()), "the topology must hold `networks:` and `machines:`")])
    problems: list[Problem] = []
    unsound: set[str] = set()
    try:
        topology = Topology.model_validate(document.data)
    except ValidationError as error:
        problems = problems_of(error, Topology, document)
        # What is sound is checked all the same, so that everything wrong is said at once.
        rest, unsound = _without(document.data, [e["loc"] for e in error.errors(include_url=False)])
        try:
            topology = Topology.model_validate(rest)
        except ValidationError:
            raise ParamsError(problems) from error
    problems += list(contradictions(topology, document, unsound))
    if problems:
        raise ParamsError(problems)
    return topology


def _without(data: dict[str, Any], places: list[tuple[int | str, ...]]) -> tuple[dict[str, Any], set[str]]:
    rest = {k: dict(v) if isinstance(v, dict) else v for k, v in data.items()}
    names = set()
    for place in places:
        if (
            place[0] in ("networks", "machines")
            and len(place) > 1
            and isinstance(rest.get(str(place[0])), dict)
        ):
            rest[str(place[0])].pop(place[1], None)
            names.add(str(place[1]))
        else:
            rest.pop(str(place[0]), None)
            names.add(str(place[0]))
    return rest, names
