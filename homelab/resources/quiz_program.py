"""Our quiz as a plain program in the background, without Docker: copied into a folder and started there.

It listens on the machine's own loopback only, so that nobody goes around ``tailscale serve``, whose word it
takes for who is asking.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from homelab.listeners import listeners, said
from homelab.machine import Machine
from homelab.wait import until

APP = "homelab/apps/quiz"
SOURCE = Path(__file__).resolve().parents[1] / "apps" / "quiz"
START = 10.0  # seconds


@dataclass(frozen=True)
class State:
    """Whether the quiz in `folder` runs, on `port`."""

    folder: str
    port: int
    running: bool


def read(machine: Machine, name: str) -> State:
    """Is the process alive that the folder's ``pid`` names, and is it this one? `name` is the port and the folder."""
    port, _, folder = name.partition(" ")
    alive = f"tr '\\0' ' ' <\"/proc/$(cat {shlex.quote(folder)}/pid)/cmdline\" 2>/dev/null"
    words = machine.run(["sh", "-c", alive]).out.split()
    return State(folder, int(port), words[1:3] == ["-m", "quiz"] and port in words)


def command(before: State, after: State) -> list[str]:
    """Copy it, start it in a session of its own; or end it. What players did stays in the folder."""
    if not after.running:
        return ["sh", "-c", _stop(after)]
    at = shlex.quote(after.folder)
    lines = [
        "# in the folder of this runbook",
        f"mkdir -p {at}/quiz && cp {APP}/*.* {at}/quiz/",
        _start(after),
    ]
    return ["sh", "-c", "\n".join(lines)]


def _start(state: State) -> str:
    run = f"python3 -m quiz --address 127.0.0.1 --port {state.port} --state state"
    inner = f"echo $$ >pid; exec {run}"
    return f"cd {shlex.quote(state.folder)} && setsid -f sh -c {shlex.quote(inner)} >quiz.log 2>&1 </dev/null"


def _stop(state: State) -> str:
    pid = f"{shlex.quote(state.folder)}/pid"
    return f"kill $(cat {pid}) && while kill -0 $(cat {pid}) 2>/dev/null; do sleep 0.05; done; rm -f {pid}"


def do(machine: Machine, before: State, after: State) -> None:
    """Put its files there, start it, and wait until it listens; or end it.

    Raises:
        CommandFailed: a folder cannot be made, or it does not end.
        WaitTimeout: it does not listen; its last words are in ``quiz.log``.
    """
    if not after.running:
        machine.run(["sh", "-c", _stop(after)]).ok()
        return
    for path in sorted(p for p in SOURCE.iterdir() if p.suffix in (".py", ".css")):
        put = ["install", "-D", "-m", "644", "/dev/stdin", f"{after.folder}/quiz/{path.name}"]
        machine.run(put, stdin=path.read_text()).ok()
    machine.run(["sh", "-c", _start(after)]).ok()
    until(
        lambda: said(listeners(machine)) if after.port not in listeners(machine) else "",
        lambda others: not others,
        f"the quiz to listen on port {after.port}",
        START,
        hint=f"look into {after.folder}/quiz.log",
        where=machine.name,
    )
