"""``./runbook check``: are the params good, and is everything that they need there? Starts nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from homelab import stages
from homelab.check import Answer
from homelab.errors import EXIT_NOT_STARTED, EXIT_OK
from homelab.lab_lease import CHECKOUT, LAB
from homelab.params import World
from homelab.runner.references import references, seen
from homelab.runner.request import understand
from homelab.secret import mask

HERE = "this machine"
# What stages use at home, and which stage brings it where it is missing.
PROGRAMS = {
    "tailscale": "03_enrollment installs it: ./runbook run 03 --params {params} --apply",
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
    values = {stage: world.document.under(stage[3:]).data or {} for stage in stages.names()}
    for where, secret in references(world, values):
        name = f"the secret for {where} is there"
        there, said, hint = seen(secret)
        if secret.kind == "cmd":
            yield Answer(name, HERE, "skip", said)
        else:
            yield _there(name, there, said, hint)


def _there(name: str, there: bool, evidence: str, hint: str) -> Answer:
    return Answer(name, HERE, "ok" if there else "fail", evidence, "" if there else hint)


def _home(world: World) -> Iterator[Answer]:
    for name in world.common.machines or ("tequila",):
        for program, hint in PROGRAMS.items():
            path = shutil.which(program)
            evidence = path or f"no {program} in PATH"
            yield Answer(
                f"{program} is there",
                name,
                "ok" if path else "warn",
                evidence,
                "" if path else hint.format(params=world.path),
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
