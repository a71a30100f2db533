"""The command line: understands the words, and hands over. Heavy imports happen where they are needed."""

from __future__ import annotations

import argparse
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from homelab.errors import (
    EXIT_INTERRUPTED,
    EXIT_NOT_STARTED,
    HomelabError,
    ParamsError,
    Problem,
    exit_status,
    nearest,
)
from homelab.secret import mask

HELP = Path(__file__).with_name("help.txt")  # `./runbook --help` shows it before anything is set up
COMMANDS = (
    "run",
    "open",
    "lab",
    "init",
    "check",
    "undo",
    "watch",
    "schedule",
    "weekly",
    "prune",
    "bundle",
    "test",
)


def main(argv: Sequence[str]) -> int:
    """Do what `argv` says; returns the exit status of the command line's contract."""
    command, words = (argv[0] if argv else "help"), list(argv[1:])
    if command in ("help", "-h", "--help"):
        print(HELP.read_text(encoding="utf-8"), end="")
        return 0
    if command not in COMMANDS:
        print(f"./runbook: {command!r} is not a command; {nearest(command, COMMANDS)}", file=sys.stderr)
        return EXIT_NOT_STARTED
    try:
        return _do(command, words)
    except KeyboardInterrupt:  # a run says itself how far it got
        print("Interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except HomelabError as error:
        title = f"{error.what}; nothing was started:\n" if isinstance(error, ParamsError) else ""
        print(mask(f"{title}{error}"), file=sys.stderr)
        return exit_status(error)


def _do(command: str, words: list[str]) -> int:
    if command == "lab":
        return _lab(words)
    if command == "test" and words[:1] == ["--refresh"]:
        from homelab.runner.refresh import refresh

        return refresh(parser("test --refresh").parse_args(words[1:]).stages)
    if command == "bundle":
        return _lab(["bundle", *words])
    if command == "test":
        from homelab.runner.suite import test

        return test(words)
    made = parser(command)
    _refuse_unknown(made, words)
    asked = made.parse_intermixed_args(words)
    if command == "run" and asked.plan:
        from homelab.runner.from_plan import run_plan

        _alone(asked)
        return run_plan(asked.plan, asked.params, asked.apply, asked.out)
    if command == "run":
        from homelab.runner.request import understand
        from homelab.runner.run import run

        return run(understand(asked.stages, asked.params or "lab", asked.settings, asked.apply), asked.out)
    if command == "check" and asked.seat:
        from homelab.runner.seat import check_seat

        return check_seat()
    if command == "check":
        from homelab.runner.check import check

        return check(asked.params)
    if command == "watch":
        from homelab.runner.watch import watch

        return watch(asked.stages, asked.params, asked.out)
    if command == "schedule":
        from homelab.runner.schedule import schedule

        return schedule(asked.params, asked.every, asked.at, asked.remove, asked.apply)
    if command == "weekly":
        from homelab.runner.weekly import weekly

        return weekly(asked.params)
    if command == "prune":
        from homelab.runner.prune import prune

        return prune(asked.params, asked.last, asked.days, asked.apply)
    if command == "init":
        from homelab.runner.init import init

        return init(asked.machines, asked.out)
    if command == "undo":
        from homelab.runner.undo import undo

        return undo(asked.run, asked.apply)
    from homelab.runner.open import open_notebooks

    return open_notebooks(asked.stage)


def _refuse_unknown(made: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """An option that is none is named before one that is missing: it may be that one, misspelled."""
    known = set(re.findall(r"--[a-z]+", made.format_help()))
    for word in (w.partition("=")[0] for w in words if w.startswith("--")):
        if word == "--":
            return
        if word not in known:
            made.error(f"there is no option {word}; {nearest(word, known)}")


def _alone(asked: argparse.Namespace) -> None:
    """A saved plan knows its stages and what they were given."""
    problems = [
        Problem(word, "a saved plan has its stages already", "make a plan of these") for word in asked.stages
    ]
    problems += [
        Problem(f"-p {word}", "a saved plan is what it is", "make a plan with it") for word in asked.settings
    ]
    if problems:
        raise ParamsError(problems)


class _Parser(argparse.ArgumentParser):
    """Wrong words are bad parameters: exit status 3."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.format_usage()}{self.prog}: {message}", file=sys.stderr)
        sys.exit(EXIT_NOT_STARTED)


def parser(command: str) -> argparse.ArgumentParser:
    """The parser of one command's words."""
    made = _Parser(prog=f"./runbook {command}", allow_abbrev=False)
    if command == "run":
        made.add_argument(
            "stages", nargs="*", metavar="STAGE", help="such as 03_enrollment, enrollment or 03"
        )
        made.add_argument("--params", metavar="FILE", help="the world (default: the lab)")
        made.add_argument(
            "-p", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="a parameter"
        )
        made.add_argument(
            "--from",
            dest="plan",
            metavar="PLAN",
            help="exactly the changes of a saved plan, or of a run's folder",
        )
        made.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/<stamp>)")
    elif command == "test --refresh":
        made.add_argument("stages", nargs="*", metavar="STAGE", help="only these (default: all)")
    elif command == "open":
        made.add_argument("stage", nargs="?", metavar="STAGE", help="the notebook to open first")
    elif command == "watch":
        made.add_argument(
            "stages", nargs="*", metavar="STAGE", help="only these (default: all under manage:)"
        )
        made.add_argument("--params", required=True, metavar="FILE", help="the home")
        made.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/<stamp>)")
    elif command == "weekly":
        made.add_argument("--params", required=True, metavar="FILE", help="the home")
    elif command == "prune":
        made.add_argument("--params", default="lab", metavar="FILE", help="whose runs (default: the lab's)")
        made.add_argument("--last", type=int, metavar="N", help="keep so many (default: keep: last, 30)")
        made.add_argument(
            "--days", type=float, metavar="N", help="and the younger ones (default: keep: days, 90)"
        )
    elif command == "schedule":
        made.add_argument("--params", required=True, metavar="FILE", help="the home")
        made.add_argument("--every", default="day", metavar="PERIOD", help="hour, day or week (default: day)")
        made.add_argument("--at", default="03:30", metavar="HH:MM", help="local time (default: 03:30)")
        made.add_argument("--remove", action="store_true", help="let nothing start the watch any more")
    elif command == "init":
        made.add_argument(
            "machines",
            nargs="*",
            metavar="MACHINE",
            help="local (the default), ssh://user@host, NAME=ssh://user@host",
        )
        made.add_argument(
            "--out", metavar="FILE", help="the params file to write (default: params/home.yaml)"
        )
    elif command == "check":
        which = made.add_mutually_exclusive_group(required=True)
        which.add_argument("--params", metavar="FILE", help="the world")
        which.add_argument("--seat", action="store_true", help="this machine, as a seat of a workshop")
    else:
        made.add_argument(
            "run", nargs="?", metavar="RUN", help="a run's folder, or a name that the list without RUN has"
        )
    if command in ("run", "undo", "schedule", "weekly", "prune"):
        which = made.add_mutually_exclusive_group()
        how: dict[str, Any] = {"dest": "apply", "action": "store_const"}
        which.add_argument("--apply", const=True, help="apply the changes (the lab does anyway)", **how)
        which.add_argument("--plan", const=False, help="only show the changes (a home does anyway)", **how)
    return made


def _lab(words: Sequence[str]) -> int:
    from homelab.runner import checkpoint, lessons

    if words and (verb := lessons.VERBS.get(words[0])):
        made = _Parser(prog=f"./runbook lab {words[0]}", allow_abbrev=False)
        lessons.fill(words[0], made)
        return verb(made.parse_args(words[1:]))
    if (at := checkpoint.wanted(words)) and "--lease" not in words and (stage := checkpoint.stage_of(at)):
        if len(words) > 3:
            raise ParamsError([Problem(" ".join(words[1:]), "--at brings a lab as it was: alone, please")])
        return checkpoint.up_at(stage)
    sys.argv = ["./runbook lab", *words]
    try:
        runpy.run_module("homelab.lab", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
