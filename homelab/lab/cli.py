"""The lab's command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from homelab.errors import (
    EXIT_FAILED,
    EXIT_NOT_STARTED,
    HomelabError,
    LabRefused,
    ParamsError,
    exit_status,
    nearest,
)
from homelab.labsocket import request

from . import folder, paths
from .windows import cli as windows


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    words = sys.argv[1:] if argv is None else argv
    parser, commands = _parser()
    if words and not words[0].startswith("-") and words[0] not in commands:
        parser.error(f"there is no command {words[0]!r}; {nearest(words[0], [*commands, *LESSONS])}")
    asked = parser.parse_args(words)
    try:
        return int(asked.do(asked))
    except BrokenPipeError:  # whoever read us has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt as error:
        return exit_status(error)
    except HomelabError as error:
        print(_told(error), file=sys.stderr)
        return EXIT_NOT_STARTED if isinstance(error, LabRefused) else exit_status(error)


def _told(error: HomelabError) -> str:
    if isinstance(error, ParamsError):
        return f"{len(error.problems)} problem(s) in the topology; nothing was started\n{error}"
    return str(error)


LESSONS = ("break", "mend", "check")  # the runner's, which does not ask us
MORE = f"./runbook lab {' | '.join(LESSONS)}: something goes wrong in it, is found, and mended."


class _Parser(argparse.ArgumentParser):
    """argparse ends with 2, which the command line's contract has for something else."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_NOT_STARTED, f"{self.prog}: {message}\nHint: {self.prog} --help\n")


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{word!r} is no number; write it without a unit, such as 150"
        ) from None


def _parser() -> tuple[_Parser, list[str]]:
    """The parser, and the commands that it knows."""
    parser = _Parser(prog="./runbook lab", description="The disposable lab.", epilog=MORE)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, do: Any, about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(do=do)
        return command

    up = add("up", _up, "bring the lab up; safe to repeat")
    up.add_argument("--enrolled", action="store_true", help="with every machine in the tailnet that can be")
    up.add_argument("--topology", type=Path, metavar="FILE", help="another lab (default: params/lab.yaml)")
    up.add_argument("--at", metavar="NAME", help="as it was saved, or as a stage finds it")
    up.add_argument("--lease", action="store_true", help="a lab of one's own, which ends with standard input")
    up.add_argument("--here", action="store_true", help="with --lease: it is the lab of this checkout")
    add("down", _down, "end the lab; it forgets everything")
    save = add("save", _save, "save the lab that is up; it stands still for a moment")
    save.add_argument("name", metavar="NAME")
    save.add_argument("--replace", action="store_true", help="in place of the one that is saved so already")
    save.add_argument("--of", default="", help=argparse.SUPPRESS)  # what a stage's was made by
    kept = add("saved", _saved, "the labs that are saved")
    kept.add_argument("--json", action="store_true")
    forget = add("forget", _forget, "remove a saved lab")
    forget.add_argument("name", metavar="NAME")
    status = add("status", _status, "what is there and how it is")
    status.add_argument("--json", action="store_true")
    execute = add("exec", _exec, "run a command in a machine")
    execute.add_argument("machine", metavar="MACHINE")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD…")
    shell = add("shell", _shell, "a shell in a machine")
    shell.add_argument("machine", metavar="MACHINE")
    link = add("link", _link, "show a machine's link, or change it while the lab runs")
    link.add_argument("machine", metavar="MACHINE")
    link.add_argument("--network", metavar="N", help="which of its networks; else its way out")
    link.add_argument("--delay", type=_number, metavar="MS", help="milliseconds more, each way")
    link.add_argument(
        "--loss", type=_number, metavar="PCT", help="of a hundred packets, so many are lost, each way"
    )
    link.add_argument("--mtu", type=int, metavar="N", help="bytes of the largest packet that gets through")
    link.add_argument(
        "--udp", choices=("pass", "block"), help="block: a network that lets web pages through only"
    )
    link.add_argument(
        "--nat",
        choices=("cone", "symmetric"),
        help="of a router: one port for all who are spoken to, or a port for each",
    )
    cut = link.add_mutually_exclusive_group()
    cut.add_argument("--cut", action="store_const", const=True, dest="cut", help="pull the plug")
    cut.add_argument("--mend", action="store_const", const=False, dest="cut", help="put it back")
    link.add_argument("--reset", action="store_true", help="as it was laid, but for what else is said here")
    for verb, about in (("start", "start a daemon of a machine again, as it was"), ("stop", "end one")):
        daemon = add(verb, _daemon, about)
        daemon.set_defaults(verb=verb)
        daemon.add_argument("machine", metavar="MACHINE")
        daemon.add_argument("name", metavar="DAEMON", help="as `status --json` has it under services")
    windows.add(add, _socket)
    supply = add("supply", _supply, "let the lab's hub offer images; builds them into the cache first")
    supply.add_argument(
        "refs", nargs="+", metavar="REF", help="as docker types it; or docker-compose, the plugin"
    )
    hub = add("hub", _hub, "what the lab's hub publishes")
    verbs = hub.add_subparsers(required=True, metavar="VERB")
    tag = verbs.add_parser("tag", help="publish an image under another tag", description="A new release.")
    tag.add_argument("ref", metavar="REF")
    tag.add_argument("new", metavar="NEWTAG")
    add("build", _build, "build what the lab runs on into the cache")
    add("preflight", _preflight, "can this machine hold a lab?")
    bundled = add("bundle", _bundle, "one file for machines without a network: make it, or use it")
    bundled.add_argument(
        "--out", type=Path, metavar="FILE", help="what to write (default: runbook-bundle.tar)"
    )
    bundled.add_argument(
        "--use", type=Path, metavar="FILE", help="put what is in FILE into this machine's cache"
    )
    bundled.add_argument(
        "--missing", action="store_true", help="what this machine would still download or build"
    )
    return parser, list(commands.choices)


def _up(asked: argparse.Namespace) -> int:
    from . import up

    if asked.at and (asked.topology or asked.enrolled):
        raise LabRefused("--at brings a lab as it was", hint="without --topology and --enrolled")
    topology = asked.topology or paths.DEFAULT_TOPOLOGY
    if asked.at:
        from . import saved

        topology = Path(saved.find(asked.at)[0].topology)
    if asked.lease:
        up.up_on_lease(topology, enrolled=asked.enrolled, at=asked.at, here=asked.here)
    print(up.up(topology, enrolled=asked.enrolled, at=asked.at))
    return 0


def _save(asked: argparse.Namespace) -> int:
    from . import saved

    print(saved.save(_socket(), asked.name, of=asked.of, replace=asked.replace))
    return 0


def _saved(asked: argparse.Namespace) -> int:
    from . import saved

    print(json.dumps(saved.as_data(), indent=1) if asked.json else saved.listed())
    return 0


def _forget(asked: argparse.Namespace) -> int:
    from . import saved

    print(saved.forget(asked.name))
    return 0


def _down(asked: argparse.Namespace) -> int:
    from . import down

    print(down.down())
    return 0


def _socket() -> Path:
    """The socket of the lab that $HOMELAB_LAB names, else of this checkout's.

    Raises:
        LabRefused: none is up.
        PrerequisiteMissing: another version's is.
    """
    if named := os.environ.get("HOMELAB_LAB"):
        return Path(named)
    place = paths.lab_folder()
    folder.refuse_other_version(place)
    if not folder.is_held(place):
        raise LabRefused("no lab is up", hint="start it: ./runbook lab up")
    return place / "lab.sock"


def _status(asked: argparse.Namespace) -> int:
    from . import show

    try:
        document = request(_socket(), op="status")
    except LabRefused as error:  # no lab: that is an answer to this question
        print(error, file=sys.stderr)
        return EXIT_FAILED
    print(json.dumps(document, indent=1) if asked.json else show.status(document))
    return 0


def _exec(asked: argparse.Namespace) -> int:
    from . import session

    command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    if not command:
        raise LabRefused("no command", hint="./runbook lab exec MACHINE -- CMD…")
    return session.run(_socket(), asked.machine, command)


def _shell(asked: argparse.Namespace) -> int:
    from . import session

    return session.shell(_socket(), asked.machine)


def _link(asked: argparse.Namespace) -> int:
    from . import show

    named = {
        "delay_ms": asked.delay, "loss_pct": asked.loss, "mtu": asked.mtu,
        "udp": asked.udp, "nat": asked.nat, "cut": asked.cut,
    }  # fmt: skip
    wanted = {key: value for key, value in named.items() if value is not None}
    answer = request(
        _socket(), op="link", machine=asked.machine, network=asked.network, set=wanted, reset=asked.reset
    )
    print(show.link_line(answer["link"]))
    return 0


def _daemon(asked: argparse.Namespace) -> int:
    request(_socket(), op=asked.verb, machine=asked.machine, name=asked.name)
    return 0


def _supply(asked: argparse.Namespace) -> int:
    from . import supply

    print(supply.supply(_socket(), asked.refs))
    return 0


def _hub(asked: argparse.Namespace) -> int:
    from . import supply

    print(supply.tag(_socket(), asked.ref, asked.new))
    return 0


def _build(asked: argparse.Namespace) -> int:
    from . import build

    built = build.ensure()
    print(f"everything is built, in {built.ca.parent}")
    return 0


def _bundle(asked: argparse.Namespace) -> int:
    if asked.use:
        from .bundle import use

        print(use.use(asked.use))
        return 0
    if asked.missing:
        from .bundle import contents

        missing = contents.missing()
        print("\n".join(f"{name}  {about}" for name, about in missing.items()) or "nothing is missing")
        return EXIT_FAILED if missing else 0
    from .bundle import make

    print(make.make((asked.out or Path("runbook-bundle.tar")).absolute()))
    return 0


def _preflight(asked: argparse.Namespace) -> int:
    from . import build, launch, packages, preflight

    built = build.find()
    there = built.packages if built else packages.place()
    preflight.require(preflight.check(there if there.is_dir() else None))
    print(f"a lab can be built here (tier {launch.tier()})")
    return 0
