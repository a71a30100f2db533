"""What happens when the person signs in: the tasks at logon, and the startup folder."""

from __future__ import annotations

import base64
import re
import threading
from typing import TYPE_CHECKING, Any

from . import startup
from .call import NOT_PLAYED, Call, Unplayed, plain
from .disk import STARTUP, C

if TYPE_CHECKING:
    from .system import System

PATIENCE = 15.0  # seconds that a program has to be started in
WINDOWLESS = "conhost.exe --headless "


def sign_in(system: System, *, restart: bool) -> list[dict[str, Any]]:
    """Sign in, after Windows itself was restarted if `restart`; what ran, and what came of it.

    Each: `by` (the task or the file), `command`, `hidden`, and `outcome`: running, ended with N, or why not.
    """
    if restart:
        system.distribution.stop()
    report = []
    for task in system.tasks.values():
        if task.at_logon and task.enabled:
            outcome = launch(system, task.name, task.command, elevated=task.highest)
            hidden = WINDOWLESS in task.command
            report.append({"by": task.name, "command": task.command, "hidden": hidden, "outcome": outcome})
    for name, raw in _startup_folder(system):
        try:
            commands = startup.read(name, raw)
        except Unplayed as known:
            why = f"stand-in: not run. The lab plays {known}"
            report.append({"by": name, "command": "", "hidden": False, "outcome": why})
            continue
        for command, hidden in commands:
            outcome = launch(system, name, command)
            report.append({"by": name, "command": command, "hidden": hidden, "outcome": outcome})
    system.lab.note(f"{system.name}: {system.said['user']} signed in: {len(report)} programs")
    return report


def launch(system: System, by: str, line: str, *, elevated: bool = False) -> str:
    """Run a command line in a window of its own; what came of it so far. Nothing runs twice at once."""
    if by in system.running:
        return "running already"
    line = re.sub(r"%(SystemRoot|windir)%", r"C:\\Windows", line, flags=re.IGNORECASE)
    program, *argv = split(line) or [""]
    if plain(program) == "conhost.exe" and argv[:1] == ["--headless"]:  # a console that nobody sees
        program, argv = (argv[1:] or [""])[0], argv[2:]
    call, ended = Call(program, argv, elevated=elevated), threading.Event()
    system.running[by], status = call, [0]

    def work() -> None:
        try:
            status[0] = system.run(call)
        except Exception as error:
            system.lab.note(f"{system.name}: {line}: {error}")
            status[0] = 1
        finally:
            system.running.pop(by, None)
            ended.set()
            call.started.set()

    threading.Thread(target=work, daemon=True).start()
    call.started.wait(PATIENCE)
    if not ended.is_set():
        return "running"
    return "stand-in: not played" if status[0] == NOT_PLAYED else f"ended with {status[0]}"


def split(line: str) -> list[str]:
    """The words of a command line, as Windows' programs split it; quotes in words are not played."""
    return [quoted or word for quoted, word in re.findall(r'"([^"]*)"|([^\s"]+)', line)]


def _startup_folder(system: System) -> list[tuple[str, bytes]]:
    folder = f"{C}/Users/{system.said['user']}/{STARTUP}"
    names = system.machine.ask("quiz", argv=["ls", "-1", folder], fine=[0, 1, 2])["out"].splitlines()
    found = []
    for name in names:
        if name.lower() != "desktop.ini":
            text = system.machine.ask("quiz", argv=["base64", "-w0", f"{folder}/{name}"], fine=[0, 1])["out"]
            found.append((name, base64.b64decode(text)))
    return found
