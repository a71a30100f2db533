"""Which machines there are and how they are wired: data, checked as a whole before anything starts."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pydantic import ValidationError

from homelab.errors import ParamsError, Problem
from homelab.yamldoc import Document, load, problems_of

from .contradictions import contradictions
from .salvage import Gaps, salvage
from .shapes import Draft, Topology


def read(path: str | Path) -> Topology:
    """The topology in a params file (key `topology`) or in a file of its own.

    Raises:
        ParamsError: every contradiction in it, with file, line and remedy.
    """
    document = load(path, lenient=True)
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
    problems = [problem for _, problem in document.faults]
    faulty: list[tuple[int | str, ...]] = [path for path, _ in document.faults]
    topology: Topology | None = None
    try:
        topology = Topology.model_validate(document.data)
    except ValidationError as error:
        places = [e["loc"] for e in error.errors(include_url=False)]
        told = zip(places, problems_of(error, Topology, document), strict=True)
        problems += [problem for place, problem in told if place not in faulty]  # a value that was not read
        faulty += places
    if topology and not faulty:
        return _sound(topology, document)
    # What is sound is checked all the same, so that everything wrong is said at once.
    rest, gaps = salvage(document.data, faulty)
    with contextlib.suppress(ValidationError):
        problems += contradictions(Draft.model_validate(rest), document, gaps)
    raise ParamsError(problems)


def _sound(topology: Topology, document: Document) -> Topology:
    if problems := list(contradictions(topology, document, Gaps())):
        raise ParamsError(problems)
    return topology
