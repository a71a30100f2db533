"""``./runbook check``: are the params good, and is everything that they need there? Starts nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from homelab import stages
from homelab.check import Answer
from homelab.errors import EXIT_NOT_STARTED, EXIT_OK
from homelab.lab_lease import CHECKOUT, LAB
from homelab.params import World
from homelab.runner.request import understand
from homelab.secret import Secret, mask

HERE = "this machine"
# What stages use at home, and which stage brings it where it is missing.
PROGRAMS = {
    "tailscale": "03_enrollment installs it: ./runbook run 03",
    "docker": "install Docker Engine, or turn on WSL integration in Docker Desktop",
}


def check(params: str) -> int:
    """Print what was found; returns the exit status.

    Raises:
        ParamsError: the file is not good, with every problem in it.
    """
    world = understand([], params).world
    answers = [_good(world), *_secrets(world), *(_lab() if world.is_lab else _home(world))]
    for answer in answers:
        print(mask(answer.text()))
    return EXIT_NOT_STARTED if any(a.status == "fail" for a in answers) else EXIT_OK


def _good(world: World) -> Answer:
    known = ", ".join(stages.names())
    return Answer(
        "the params are good",
        HERE,
        "ok",
        f"{world.path}, for the world {world.common.world}; stages: {known}",
    )


def _secrets(world: World) -> Iterator[Answer]:
    for where, secret in _references(world):
        name = f"the secret for {where} is there"
        if secret.kind == "cmd":
            yield Answer(name, HERE, "skip", f"{secret} is asked only when it is used")
        elif secret.kind == "env":
            there = bool(os.environ.get(secret.name))
            yield _there(
                name, there, f"{secret.name} is {'set' if there else 'not set'}", f"export {secret.name}=…"
            )
        else:
            path = Path(secret.name).expanduser()
            there = path.is_file() and os.access(path, os.R_OK)
            what = "can be read" if there else "is not there, or not for you to read"
            yield _there(name, there, f"{path} {what}", "write the secret there, for you alone: chmod 600")


def _references(world: World) -> Iterator[tuple[str, Secret]]:
    sections: dict[str, BaseModel] = {"": world.common}
    for stage in stages.names():
        section = world.document.under(stage[3:]).data or {}
        sections[f"{stage[3:]}."] = stages.module(stage).Params.model_validate(section)
    for prefix, section in sections.items():
        for name, value in section:
            if isinstance(value, Secret):
                yield prefix + name, value


def _there(name: str, there: bool, evidence: str, hint: str) -> Answer:
    return Answer(name, HERE, "ok" if there else "fail", evidence, "" if there else hint)


def _home(world: World) -> Iterator[Answer]:
    for name in world.common.machines or ("tequila",):
        for program, hint in PROGRAMS.items():
            path = shutil.which(program)
            evidence = path or f"no {program} in PATH"
            yield Answer(
                f"{program} is there", name, "ok" if path else "warn", evidence, "" if path else hint
            )


def _lab() -> Iterator[Answer]:
    found = subprocess.run(
        [*LAB, "preflight"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = (found.stdout if found.returncode == 0 else found.stderr).strip()
    what, _, hint = said.partition("\nHint: ")
    yield _there("a lab can be had", found.returncode == 0, what, hint)
