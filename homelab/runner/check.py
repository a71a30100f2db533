"""``./runbook check``: are the params good, and is everything that they need there? Starts nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from homelab import home, stages
from homelab.check import Answer
from homelab.checks import clock
from homelab.errors import EXIT_NOT_STARTED, EXIT_OK, PrerequisiteMissing
from homelab.lab_lease import CHECKOUT, LAB
from homelab.machine import Machine, Pending
from homelab.params import World, read
from homelab.person import Reader
from homelab.read_only import Guard, Guarded
from homelab.runner import check_admin, check_machine, check_services
from homelab.runner.references import references, seen
from homelab.runner.request import understand
from homelab.secret import Secret, mask
from homelab.ssh import folder
from homelab.ssh.machine import SshMachine
from homelab.vantage import LABS_OWN, RENTED

HERE = "this machine"


def check(params: str) -> int:
    """Print what was found; returns the exit status.

    Raises:
        ParamsError: the file is not good, with every problem in it.
    """
    world = understand([], params).world
    told: dict[Secret, str] = {}
    found = list(_secrets(world, told))
    lacking = {answer.name for answer in found if answer.status == "fail"}
    key_is_there = _is_there("api_key") not in lacking
    answers = [_good(world), *found, *(lab() if world.is_lab else _home(world, key_is_there, told))]
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


def _secrets(world: World, told: dict[Secret, str]) -> Iterator[Answer]:
    """Whether each is there; a command can only tell by being run, which is what it is for: once, what it `told` is kept."""
    values = {stage: world.document.under(stage[3:]).data or {} for stage in stages.names()}
    for where, secret in references(world, values):
        there, said, hint = _tried(secret, told) if secret.kind == "cmd" else seen(secret)
        yield _there(_is_there(where), there, said, hint)


def _is_there(where: str) -> str:
    return f"the secret for {where} is there"


def _tried(secret: Secret, told: dict[Secret, str]) -> tuple[bool, str, str]:
    """As `references.seen`, of a command, by running it."""
    try:
        if secret not in told:
            told[secret] = secret.reveal()
    except PrerequisiteMissing as error:
        return False, f"{secret}: {error.what}", error.hint
    return True, f"{secret} was run, and gives one", ""


def _there(name: str, there: bool, evidence: str, hint: str) -> Answer:
    return Answer(name, HERE, "ok" if there else "fail", evidence, "" if there else hint)


def _home(world: World, key_is_there: bool, told: Mapping[Secret, str]) -> Iterator[Answer]:
    person, pending = Reader(), Pending()
    guard = Guard.of(home=True)  # a check starts nothing: what is not reading would be refused
    found: dict[str, Machine] = {
        name: Guarded(machine, guard)
        for name, machine in home.machines(world.common, person, pending).items()
    }
    try:
        at = check_services.place(world, found)
        yield from check_machine.machines(found, str(world.path), check_services.composed(world, at))
        yield from check_services.adopted(world, found[at])
    finally:
        for machine in found.values():
            if isinstance(machine, SshMachine):
                machine.close()
        folder.close()
    yield clock.right(world.common.login_server)
    yield from _lacking(world)
    yield from _misspelled(world)
    if key_is_there:
        value = told.get(world.common.api_key, "") if world.common.api_key else ""
        yield from check_admin.admin(world.common, person, pending, value)
    else:
        yield Answer(check_admin.NAME, check_admin.WHERE, "skip", "there is no key to ask it with: see above")


def _misspelled(world: World) -> Iterator[Answer]:
    """Machines whose names are nearly a role: no stage asks for them."""
    free = [
        role for role in read("lab").roles.names if role not in world.roles.names and role not in LABS_OWN
    ]
    for name in world.common.machines:
        if name not in read("lab").roles.names and (near := get_close_matches(name, free, 1, 0.75)):
            said = f"no stage asks for a {name}: it is used only where a parameter names it"
            hint = f"did you mean {near[0]!r}? (machines: in {world.path})"
            yield Answer(f"the role {name} is known", "this home", "warn", said, hint)


def _lacking(world: World) -> Iterator[Answer]:
    """The lab's roles that no machine of this home plays."""
    lacking = [
        role
        for role in read("lab").roles.names
        if role not in world.roles.names and role not in LABS_OWN and not RENTED.match(role)
    ]
    if lacking:
        said = f"nobody plays {', '.join(lacking)}: what is asked from there is skipped, and no failure"
        hint = f"a machine that you have: name it under `machines` in {world.path}"
        yield Answer("every role is played", "this home", "skip", said, hint)


def lab() -> Iterator[Answer]:
    """Can this machine hold a lab? It is tried, in namespaces that end with the trial."""
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
