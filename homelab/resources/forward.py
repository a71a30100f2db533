"""A port of WSL that leads to a device of the tailnet, such as ``mqtt``: the inner half of the bridge from the home LAN.

Where systemd runs it is a socket unit and systemd's own proxy, which stay; elsewhere socat in the background, which ends
with WSL. Both take connections from everywhere that reaches WSL's address; who that is, Windows' firewall says.

Source: https://www.freedesktop.org/software/systemd/man/latest/systemd-socket-proxyd.html
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wait import until

SYSTEMD, SOCAT = "systemd", "socat"
TARGET = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*:[0-9]{1,5}$")
UNITS = "/etc/systemd/system"
PROXY = "/usr/lib/systemd/systemd-socket-proxyd"
LISTENS = 5.0  # seconds until it does


@dataclass(frozen=True)
class State:
    """Port `port` of WSL leads to `target`, a ``host:port`` (empty: nowhere), by `way`."""

    port: int
    target: str = ""
    way: str = ""


def _unit(port: int) -> str:
    return f"homelab-forward-{port}"


def wanted(port: int, target: str, systemd: bool) -> State:
    """Port `port` to `target`, by systemd where it runs.

    Raises:
        HomelabError: `target` is no ``host:port``.
    """
    if not TARGET.match(target):
        raise HomelabError(f"{target!r} is no host:port", "", "for example mqtt:1883")
    return State(port, target, SYSTEMD if systemd else SOCAT)


def read(machine: Machine, name: str) -> State:
    """Ours on port `name`: as its unit, or the running socat, says.

    Raises:
        HomelabError: something else listens there.
    """
    port = int(name)
    script = (
        f"sed -n 's/^ExecStart=.*socket-proxyd //p' {UNITS}/{_unit(port)}.service 2>/dev/null; echo --; "
        f"pgrep -af '^socat TCP-LISTEN:{port},' | sed -n 's/.* TCP:\\([^ ]*\\).*/\\1/p'; echo --; "
        f"ss -Hltn 'sport = :{port}' | head -n 1"
    )
    unit, socat, listening = (
        part.strip() for part in machine.run(["sh", "-c", script]).ok().out.split("--\n")
    )
    if unit and listening:
        return State(port, unit.splitlines()[0], SYSTEMD)
    if socat:
        return State(port, socat.splitlines()[0], SOCAT)
    if listening and not unit:
        raise HomelabError(
            f"port {port} of WSL is taken by something else", machine.name, f"sudo ss -ltnp 'sport = :{port}'"
        )
    return State(port)


def command(before: State, after: State) -> list[str]:
    """What ends the old one, then what makes the new one."""
    lines = [_end(before)] if before.target else []
    if after.target:
        lines.append(_begin(after))
    return ["sh", "-c", " &&\n".join(lines)]


def _begin(state: State) -> str:
    port, unit = state.port, _unit(state.port)
    if state.way == SOCAT:
        words = shlex.join(["socat", f"TCP-LISTEN:{port},fork,reuseaddr", f"TCP:{state.target}"])
        return f"setsid -f {words} </dev/null >/dev/null 2>&1"
    socket = f"[Socket]\nListenStream=0.0.0.0:{port}\n\n[Install]\nWantedBy=sockets.target\n"
    service = f"[Unit]\nRequires={unit}.socket\n\n[Service]\nExecStart={PROXY} {state.target}\n"
    return (
        f"printf %s {shlex.quote(socket)} | sudo tee {UNITS}/{unit}.socket >/dev/null &&\n"
        f"printf %s {shlex.quote(service)} | sudo tee {UNITS}/{unit}.service >/dev/null &&\n"
        f"sudo systemctl daemon-reload &&\nsudo systemctl enable --now {unit}.socket"
    )


def _end(state: State) -> str:
    unit = _unit(state.port)
    if state.way == SOCAT:
        return f"pkill -f '^socat TCP-LISTEN:{state.port},'"
    return (
        f"sudo systemctl disable --now {unit}.socket &&\nsudo systemctl stop {unit}.service &&\n"
        f"sudo rm {UNITS}/{unit}.socket {UNITS}/{unit}.service &&\nsudo systemctl daemon-reload"
    )


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until the port listens, or no longer does.

    Raises:
        HomelabError: socat is not installed.
        CommandFailed: this user may not.
        WaitTimeout: it does not listen.
    """
    if after.way == SOCAT and not machine.run(["sh", "-c", "command -v socat"]):
        raise HomelabError("socat is not installed", machine.name, "sudo apt-get install socat")
    machine.run(command(before, after)).ok()
    until(
        lambda: machine.run(["ss", "-Hltn", f"sport = :{after.port}"]).out.strip(),
        lambda line: bool(line) == bool(after.target),
        f"port {after.port} to {'listen' if after.target else 'be free'}",
        LISTENS,
        where=machine.name,
    )
