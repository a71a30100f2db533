"""The command line: understands the words, and hands over. Heavy imports happen where they are needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from homelab.errors import EXIT_INTERRUPTED, EXIT_NOT_STARTED, HomelabError, ParamsError, exit_status
from homelab.secret import mask

EXITS = """exit status, the first that holds: 130 interrupted; 3 bad parameters or a missing prerequisite,
nothing was started; 1 a change or a check failed; 2 changes are planned and not applied; 0 all is well"""


class _Parser(argparse.ArgumentParser):
    """Wrong words are bad parameters: exit status 3."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(EXIT_NOT_STARTED, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _Parser(
        prog="./runbook",
        description="Build your own homelab: first in a disposable lab, then at home.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    run = commands.add_parser(
        "run", help="execute stages (all of them, if none is named) and write a report", epilog=EXITS
    )
    run.add_argument("stages", nargs="*", metavar="STAGE", help="such as 03_enrollment, enrollment or 03")
    run.add_argument("--params", default="lab", metavar="FILE", help="the world (default: the lab)")
    run.add_argument(
        "-p",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the stages that have it",
    )
    _apply_or_plan(run)
    run.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/<stamp>)")

    test = commands.add_parser("test", help="check all that the README promises", add_help=False)
    test.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="[--nightly | --bench] [pytest arguments]"
    )

    window = commands.add_parser("open", help="JupyterLab on the notebooks, with the lab up")
    window.add_argument("stage", nargs="?", metavar="STAGE")

    lab = commands.add_parser("lab", help="the lab: up, down, status, exec, shell, link", add_help=False)
    lab.add_argument("arguments", nargs=argparse.REMAINDER)

    check = commands.add_parser(
        "check", help="are the params good, is everything needed there? starts nothing"
    )
    check.add_argument("--params", required=True, metavar="FILE")

    undo = commands.add_parser(
        "undo", help="take back what a run has applied, last change first", epilog=EXITS
    )
    undo.add_argument("run", metavar="RUN", help="the run's folder or its name, such as runs/latest")
    _apply_or_plan(undo)
    return top


def _apply_or_plan(command: argparse.ArgumentParser) -> None:
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--apply",
        dest="apply",
        action="store_true",
        default=None,
        help="apply the changes (the lab does anyway)",
    )
    which.add_argument(
        "--plan", dest="apply", action="store_false", help="only show them (a home does anyway)"
    )


def main(argv: Sequence[str]) -> int:
    """Do what `argv` says; returns the exit status of the command line's contract."""
    words = list(argv)
    if words[:1] == ["lab"]:
        return _lab(words[1:])
    if words[:1] == ["test"]:
        from homelab.runner.suite import test

        return test(words[1:])
    asked = parser().parse_args(words)
    try:
        return _dispatch(asked)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except HomelabError as error:
        title = f"{error.what}:\n" if isinstance(error, ParamsError) else ""
        print(mask(f"{title}{error}"), file=sys.stderr)
        return exit_status(error)


def _dispatch(asked: argparse.Namespace) -> int:
    if asked.command == "run":
        from homelab.runner.request import understand

        request = understand(asked.stages, asked.params, asked.settings, asked.apply)
        from homelab.runner.run import run

        return run(request, asked.out)
    if asked.command == "check":
        from homelab.runner.check import check

        return check(asked.params)
    if asked.command == "undo":
        from homelab.runner.undo import undo

        return undo(asked.run, asked.apply)
    from homelab.runner.open import open_notebooks

    return open_notebooks(asked.stage)


def _lab(words: Sequence[str]) -> int:
    import runpy

    sys.argv = ["./runbook lab", *words]
    try:
        runpy.run_module("homelab.lab", run_name="__main__", alter_sys=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0
