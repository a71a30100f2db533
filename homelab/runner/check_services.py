"""What 04_services needs that no stage of ours brings: Docker Compose, and the Compose files that it is to adopt."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from homelab.check import Answer
from homelab.errors import EngineError, HomelabError
from homelab.machine import Machine
from homelab.params import World, for_stage
from homelab.resources import adopted as projects
from homelab.runner.check_machine import ADOPTED
from homelab.stages import adoption
from homelab.stages.services import ROLE, STAGE

NAME = "the adopted Compose file is good"


def place(world: World, found: Mapping[str, Machine]) -> str:
    """The machine of 04_services, by role."""
    return ROLE if ROLE in found else next(iter(found))


def composed(world: World, at: str) -> dict[str, str]:
    """Who needs Compose `at` the machine of 04_services, if anybody does; by role."""
    claimed = world.common.manage is not None and world.manages(STAGE)
    return {at: ADOPTED} if _adopt(world) else {at: STAGE} if claimed else {}


def _adopt(world: World) -> Sequence[str]:
    wanted: Sequence[str] = for_stage(world, STAGE)["adopt"]
    return wanted


def adopted(world: World, machine: Machine) -> Iterator[Answer]:
    """Is each Compose file there, and does Compose, where it is there, take it?"""
    try:
        for files in adoption.own(machine, _adopt(world)):
            yield _one(world, machine, files)
    except HomelabError:
        return  # nobody answers there, which has been said


def _one(world: World, machine: Machine, files: str) -> Answer:
    lacking = [path for path in projects.paths(files) if not machine.run(["test", "-r", path])]
    if lacking:
        typed = shlex.join(lacking)
        hint = f"name it as it is called there (services: adopt: in {world.path}), or take the line out: ls -l {typed}"
        return Answer(NAME, machine.name, "fail", f"{', '.join(lacking)} cannot be read", hint)
    try:
        services = projects.wanted(machine, projects.State(files)).running
    except EngineError as error:
        if error.kind == "plugin":  # said for the machine
            return Answer(NAME, machine.name, "skip", f"{files} is there; only Compose can read it")
        return Answer(NAME, machine.name, "fail", f"{files}: {error.what}", error.hint)
    return Answer(NAME, machine.name, "ok", f"{files}: {', '.join(services) or 'no service'}")
