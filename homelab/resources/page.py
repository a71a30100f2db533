"""One page on one port of a machine, for whoever reaches it: Python's own web server, in the background.

It is something to knock at where a chapter asks who reaches what, and gone afterwards.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from homelab.machine import Machine
from homelab.wait import until

SERVER = "python3 -m http.server"
START = 10.0  # seconds


@dataclass(frozen=True)
class State:
    """The `text` of the page on `port`; empty: nobody serves one."""

    port: int
    text: str = ""

    @property
    def folder(self) -> str:
        """Where the page is; beside it the number of the process that serves it."""
        return f"/tmp/homelab-page-{self.port}"


def read(machine: Machine, name: str) -> State:
    """Is the process alive that was started for this port? `name` is the port."""
    now = State(int(name))
    alive = f"tr '\\0' ' ' <\"/proc/$(cat {now.folder}.pid)/cmdline\" | grep -q 'http.server {name}'"
    done = machine.run(["sh", "-c", f"{alive} && cat {now.folder}/index.html"])
    return State(now.port, done.out.rstrip("\n") if done else "")


def command(before: State, after: State) -> list[str]:
    """Write the page and serve it in a session of its own; or end that, and remove it."""
    at = after.folder
    stop = f"kill $(cat {at}.pid); rm -r {at} {at}.pid"
    if not after.text:
        return ["sh", "-c", stop]
    write = f"mkdir -p {at} && echo {shlex.quote(after.text)} >{at}/index.html"
    if before.text:
        return ["sh", "-c", write]
    inner = f"echo $$ >{at}.pid; exec {SERVER} {after.port}"
    return ["sh", "-c", f"{write} && cd {at} &&\nsetsid -f sh -c '{inner}' >/dev/null 2>&1 </dev/null"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until the page is served.

    Raises:
        CommandFailed: the page cannot be written, or the server not be ended.
        WaitTimeout: it is not served; another program may have the port.
    """
    machine.run(command(before, after)).ok()
    if after.text:
        until(
            lambda: machine.run(["curl", "-fsS", "-m", "1", f"http://127.0.0.1:{after.port}"]).out.strip(),
            lambda said: said == after.text,
            f"the page on port {after.port}",
            START,
            hint=f"does something else listen there? `ss -ltn 'sport = :{after.port}'`",
            where=machine.name,
        )
