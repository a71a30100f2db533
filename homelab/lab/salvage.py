"""What of a faulty topology can still be checked: all of it but the faulty values."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .shapes import Network

Place = tuple[int | str, ...]
# What no contradiction depends on, where something must stand.
_ANYTHING = {"role": "?", "owner": "somebody@example.com", "tailnet": "some.ts.net"}
_HARMLESS = {"role", "about", "stand_in", "tailscale", "docker", "disks", "room"}  # of a machine


@dataclass
class Gaps:
    """What was left out, so that nothing is said that only its absence makes true."""

    networks: set[str] = field(default_factory=set)
    machines: set[str] = field(default_factory=set)
    partial: set[str] = field(default_factory=set)  # machines that are there, but not all of them
    cloud: bool = False


def salvage(data: dict[str, Any], faults: Iterable[Place]) -> tuple[dict[str, Any], Gaps]:
    """`data` without what is at `faults`, and what is missing now."""
    rest, gaps = copy.deepcopy(data), Gaps()
    for place in faults:
        section, inner = str(place[0]), place[1:]
        if not inner or not isinstance(rest.get(section), dict):
            rest.pop(section, None)
            gaps.cloud |= section == "cloud"
        elif section == "networks":
            _network(rest[section], inner, gaps)
        elif section == "machines":
            _machine(rest[section], inner, gaps)
        elif section == "cloud":
            _cloud(rest, inner, gaps)
    return rest, gaps


def _network(networks: dict[str, Any], place: Place, gaps: Gaps) -> None:
    name, network = str(place[0]), networks.get(str(place[0]))
    if place[1:] == ("[key]",):
        return
    if isinstance(network, dict) and len(place) > 1 and place[1] not in Network.model_fields:
        network.pop(place[1], None)
        return
    networks.pop(name, None)
    gaps.networks.add(name)


def _machine(machines: dict[str, Any], place: Place, gaps: Gaps) -> None:
    name, machine = str(place[0]), machines.get(str(place[0]))
    if place[1:] == ("[key]",):
        return
    if not isinstance(machine, dict):
        machines.pop(name, None)
        gaps.machines.add(name)
        return
    if len(place) == 1:  # there twice
        gaps.partial.add(name)
        return
    key = str(place[1])
    if key not in _HARMLESS:
        gaps.partial.add(name)
    held = machine.get(key)
    if len(place) > 2 and isinstance(held, dict):
        held.pop(place[2], None)
    elif key == "addresses":
        machine[key] = {}
    else:
        _leave_out(machine, key)


def _cloud(rest: dict[str, Any], place: Place, gaps: Gaps) -> None:
    if place[0] in ("machine", "derp", "dns"):
        rest.pop("cloud", None)
        gaps.cloud = True
    else:
        _leave_out(rest["cloud"], str(place[0]))


def _leave_out(entry: dict[str, Any], key: str) -> None:
    entry.pop(key, None)
    if key in _ANYTHING:
        entry[key] = _ANYTHING[key]
