"""Which role of the notebooks a machine plays: a guess from what it is, with the reason, for the reader to correct."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from homelab.portrait.facts import Seen

LABEL = re.compile(r"[^a-z0-9]+")
SERVICES, CARD, ROUTER = "tequila", "fooocus", "router"


def cast(machines: Sequence[Seen], named: Sequence[str]) -> tuple[Seen, ...]:
    """Every machine with its role: the one in `named` at its place, where that is not empty; else a guess."""
    taken = {name for name in named if name}
    found = []
    for seen, name in zip(machines, named, strict=True):
        role, why = (name, "you called it so") if name else _guess(seen, taken, len(machines) == 1)
        taken.add(role)
        found.append(replace(seen, name=role, why=why))
    return tuple(found)


def _guess(seen: Seen, taken: set[str], alone: bool) -> tuple[str, str]:
    guesses = (
        (SERVICES, seen.docker is not None, "the machine with Docker"),
        (CARD, bool(seen.gpus), "the machine with a GPU"),
        (ROUTER, bool(seen.node and seen.node.routes), "it offers a network to the tailnet"),
        (SERVICES, alone, "the only machine: Docker would come here"),
    )
    for role, fits, why in guesses:
        if fits and role not in taken:
            return role, why
    return _free(label(seen.system.name) or "machine", taken), "its own name"


def _free(name: str, taken: set[str]) -> str:
    number = 2
    tried = name
    while tried in taken:
        tried, number = f"{name}-{number}", number + 1
    return tried


def label(name: str) -> str:
    """`name` as a label of DNS: small letters, digits, dashes; empty where nothing of it is left."""
    return LABEL.sub("-", name.partition(".")[0].lower()).strip("-")[:63].strip("-")
