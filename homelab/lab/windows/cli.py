"""The lab's commands about a played Windows: what a person would do at it, and what it is like."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homelab.labsocket import request

from .settings import CHOICES

Add = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
_NUMBERS = {"build": "N", "delay_ms": "MS", "idle_ms": "MS"}


def add(command: Add, socket: Callable[[], Path]) -> None:
    """Add the commands; `socket` says where the lab answers."""

    def ask(asked: argparse.Namespace, **more: Any) -> dict[str, Any]:
        return request(socket(), op=asked.op, machine=asked.machine, **more)

    def show(asked: argparse.Namespace) -> int:
        wanted = {name: value for name in CHOICES if (value := getattr(asked, name)) is not None}
        _print(ask(asked, set=wanted)["windows"])
        return 0

    def logon(asked: argparse.Namespace) -> int:
        ran = ask(asked, restart=asked.restart)["ran"]
        for program in ran:
            window = " (no window)" if program["hidden"] else ""
            print(f"{program['by']}: {program['command']}{window}: {program['outcome']}")
        if not ran:
            print("nothing starts at logon")
        return 0

    def wsl(asked: argparse.Namespace) -> int:
        now = ask(asked, do=asked.do_what)["windows"]
        print(f"{now['distribution']}: {now['state']}, {now['address']}")
        return 0

    windows = command("windows", show, "show what a machine's stand-in Windows goes by, or set it")
    for name, allowed in CHOICES.items():
        option = f"--{name.removesuffix('_ms')}"
        if name in _NUMBERS:
            windows.add_argument(option, dest=name, type=int, metavar=_NUMBERS[name])
        else:
            windows.add_argument(option, dest=name, choices=tuple(allowed))
    sign_in = command("logon", logon, "sign in at a machine's stand-in Windows: its tasks and startup folder")
    sign_in.add_argument("--restart", action="store_true", help="after Windows was restarted")
    distribution = command(
        "wsl", wsl, "end or start a stand-in Windows' distribution; it gets another address"
    )
    distribution.add_argument("do_what", choices=("stop", "start", "restart"))
    for parser, name in ((windows, "windows"), (sign_in, "logon"), (distribution, "wsl")):
        parser.add_argument("machine", nargs="?", default="windows", metavar="MACHINE")
        parser.set_defaults(op=name)


def _print(now: dict[str, Any]) -> None:
    for name, value in now.items():
        print(f"{name}: {', '.join(map(str, value)) or 'none' if isinstance(value, list) else value}")
