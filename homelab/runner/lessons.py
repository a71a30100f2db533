"""``./runbook lab break``, ``lab mend`` and ``lab check``: lessons in the lab that is up.

They are not the lab program's: what is broken and what mends it are plans of the library, which that program does not know.
"""

from __future__ import annotations

import contextlib
import io
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from homelab.errors import EXIT_FAILED, EXIT_OK, PrerequisiteMissing
from homelab.lab_lease import kept

if TYPE_CHECKING:
    from homelab.world import World

FIND = "Find it: ./runbook lab check asks the runbook's own checks. ./runbook lab mend --hint helps, ./runbook lab mend solves it."


@contextlib.contextmanager
def lab() -> Iterator[World]:
    """The lab that is up, as a world.

    Raises:
        PrerequisiteMissing: none is.
    """
    if not (socket := kept()):
        raise PrerequisiteMissing("no lab is up", "", "start it: ./runbook lab up")
    os.environ["HOMELAB_LAB"] = socket
    from homelab.world import open_world

    with contextlib.redirect_stdout(io.StringIO()):  # who breaks something in it knows that it is the lab
        world = open_world("lab")
    try:
        yield world
    finally:
        world.close()


def break_(asked: Namespace) -> int:
    """Break what is named, or something; without either, tell what can be."""
    from homelab.faults import ALL, find, lesson

    if not asked.name and not asked.surprise:
        wide = max(map(len, ALL))
        for one in ALL.values():
            print(f"{one.name:{wide}}  {one.symptom}\n{'':{wide}}  needs what {one.stage} leaves")
        print("\n./runbook lab break NAME breaks it in the lab that is up; --surprise breaks one of them.")
        return EXIT_OK
    fault = find(asked.name) if asked.name else None
    with lab() as world:
        with contextlib.redirect_stdout(io.StringIO()):  # what a change says would tell
            done = lesson.break_in(world, fault) if fault else lesson.surprise(world)
        print(f"Something in the lab is broken now. {find(done.name).symptom}\n{FIND}")
    return EXIT_OK


def mend(asked: Namespace) -> int:
    """Give a hint, show the solution, or show and apply it; then prove that all is well."""
    from homelab.faults import broken, find, lesson

    with lab() as world:
        folder = lesson.state(world)
        if not (found := broken.read(folder)):
            print("Nothing is broken here: ./runbook lab break tells what can be.")
            return EXIT_OK
        fault = find(found.name)
        if asked.hint:
            given = min(found.hints, len(fault.hints) - 1)
            print(f"Hint {given + 1} of {len(fault.hints)}: {fault.hints[given]}")
            if given + 1 < len(fault.hints):
                print("Once more, and you get the next one.")
            if found.hints < len(fault.hints):
                broken.hinted(folder, found)
            return EXIT_OK
        print(f"{fault.name}: {fault.symptom}")
        print(lesson.shown(fault.solution(world, found.plan)))
        if asked.show:
            return EXIT_OK
        for outcome in lesson.mend(world, found):
            print(outcome)
        answers = lesson.proof(world, fault)
        print(*answers, sep="\n")
        if any(answer.status not in lesson.GOOD for answer in answers):
            return EXIT_FAILED
        broken.forget(folder)
    return EXIT_OK


def check(asked: Namespace) -> int:
    """What the checks of all stages that were applied here say."""
    from homelab.faults import lesson

    with lab() as world:
        answers = lesson.checkup(world)
        if not answers:
            print("No stage that these checks are about was applied here: ./runbook lab up --at 10_gotchas")
        for answer in answers:
            print(answer)
    return EXIT_FAILED if any(answer.status not in lesson.GOOD for answer in answers) else EXIT_OK


VERBS: Mapping[str, Callable[[Namespace], int]] = {"break": break_, "mend": mend, "check": check}


def fill(verb: str, made: ArgumentParser) -> None:
    """Tell a parser the words of `verb`."""
    if verb == "break":
        which = made.add_mutually_exclusive_group()
        which.add_argument("name", nargs="?", metavar="NAME", help="what to break; without it, what can be")
        which.add_argument("--surprise", action="store_true", help="one of them, and you are not told which")
    elif verb == "mend":
        how = made.add_mutually_exclusive_group()
        how.add_argument("--hint", action="store_true", help="a hint; called again, the next one")
        how.add_argument("--show", action="store_true", help="only show the solution")
