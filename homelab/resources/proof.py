"""The record of a drill: a snapshot without data, in the same repository, that says what was asked and answered.

It stays with the backups that it vouches for, whatever becomes of this machine.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab.errors import CommandFailed
from homelab.machine import Machine
from homelab.resources.snapshot import existing
from homelab.upkeep import recipe, restic


@dataclass(frozen=True)
class State:
    """How many restores of `service` were `proved`; `evidence` of the last, in words."""

    service: str
    repository: str
    proved: int
    host: str = ""
    evidence: str = field(default="", compare=False)


def read(machine: Machine, name: str) -> State:
    """Count them in the repository.

    Raises:
        HomelabError: see `homelab.upkeep.restic.ask`.
    """
    folder, place = recipe.split(name)
    service = folder.rpartition("/")[2]
    found = restic.proofs(existing(machine, place), service)
    evidence = found[-1].paths[0].removeprefix("/").removesuffix(".txt") if found else ""
    return State(service, place, len(found), machine.name, evidence)


def irreversible(before: State, after: State) -> bool:
    """What was proved stays proved."""
    return True


def command(before: State, after: State) -> list[str]:
    """One line of text as a snapshot, whose file is named by it."""
    told = restic.line(
        after.repository, "backup", "--stdin", "--stdin-filename", f"{after.evidence}.txt", "--host", after.host,
        "--tag", restic.PROVED, "--tag", restic.proof_tag(after.service),
    )  # fmt: skip
    return ["sh", "-c", f"echo {shlex.quote(after.evidence)} | {told}"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        HomelabError: restic refuses.
    """
    done = machine.run(command(before, after), timeout=120)
    if not done:
        raise restic.fault(done, after.repository) or CommandFailed(
            done.argv, done.rc, done.out, done.err, machine.name
        )
