"""What a node shows on one of its ports, by ``tailscale serve``, and whether the whole internet may see it: Funnel.

The whole of it as one file is the resource `serve_config`.

Source: the command line since 1.52, https://tailscale.com/kb/1242/tailscale-serve and /kb/1311/tailscale-funnel;
what it is kept as: ipn/serve.go of tailscale.com v1.102.5.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from homelab.errors import HomelabError, WaitTimeout
from homelab.machine import Machine, shown
from homelab.resources.tailscale_status import ask, status
from homelab.wait import until

DEFAULT = 443
SETTLED = 3.0  # seconds until the node has heard that the tailnet gives certificates
PATIENCE = 600.0  # seconds for a first certificate, and for a person who is to press a button
LOCAL = re.compile(r"^http://127\.0\.0\.1:(\d+)$")
ASKS = re.compile(r"https://[^\s/]+/f/\w+\?\S+")  # the page on which a feature is allowed


@dataclass(frozen=True)
class State:
    """What stands on `port`: its `kind` (``https``, ``http``, ``tcp``, ``tls-terminated-tcp``; empty: nothing).

    `mounts` are a path and its target each, such as ``/ http://127.0.0.1:3000``; a TCP port has only
    the target. `public`: visitors from the internet are let in.
    """

    port: int
    kind: str = ""
    mounts: tuple[str, ...] = ()
    public: bool = False


def proxy(port: int, to: int, public: bool = False) -> State:
    """HTTPS on `port`, handed on to the port `to` of the node itself."""
    return State(port, "https", (f"/ http://127.0.0.1:{to}",), public)


def config(machine: Machine) -> dict[str, Any]:
    """The node's whole serve configuration, from ``tailscale serve status --json``; empty where nothing is shown."""
    found = ask(machine, ["tailscale", "serve", "status", "--json"])
    return {} if "BackendState" in found else found


def read(machine: Machine, name: str) -> State:
    """From ``tailscale serve status --json``; `name` is the port."""
    found, port = config(machine), int(name)
    handler = (found.get("TCP") or {}).get(name)
    if not handler:
        return State(port)
    public = any(on for at, on in (found.get("AllowFunnel") or {}).items() if at.endswith(f":{name}"))
    if target := handler.get("TCPForward"):
        kind = "tls-terminated-tcp" if handler.get("TerminateTLS") else "tcp"
        return State(port, kind, (f"tcp://{target}",), public)
    mounts = sorted(
        f"{path} {_target(what)}"
        for at, server in (found.get("Web") or {}).items()
        if at.endswith(f":{name}")
        for path, what in (server.get("Handlers") or {}).items()
    )
    return State(port, "https" if handler.get("HTTPS") else "http", tuple(mounts), public)


def _target(handler: dict[str, Any]) -> str:
    """The target as the command line takes it."""
    if text := handler.get("Text"):
        return f"text:{text}"
    return str(handler.get("Proxy") or handler.get("Path") or f"redirect:{handler.get('Redirect')}")


def command(before: State, after: State) -> list[str]:
    """``tailscale serve`` or ``tailscale funnel`` for each target that is new; ``off`` for what is to go."""
    if not after.kind:
        return _off(before)
    lines: list[list[str]] = []
    kept = set(before.mounts) & set(after.mounts)
    if before.kind and (before.kind != after.kind or set(before.mounts) - kept):
        lines.append(_off(before))
        kept = set()
    fresh = [m for m in after.mounts if m not in kept] or list(after.mounts[:1])
    lines += [_on(after, mount) for mount in fresh]
    return lines[0] if len(lines) == 1 else ["sh", "-c", " &&\n".join(shown(line) for line in lines)]


def _off(state: State) -> list[str]:
    verb = "funnel" if state.public else "serve"
    return ["sudo", "tailscale", verb, f"--{state.kind}={state.port}", "off"]


def _on(state: State, mount: str) -> list[str]:
    argv = ["sudo", "tailscale", "funnel" if state.public else "serve", "--bg"]
    if (state.kind, state.port) != ("https", DEFAULT):
        argv.append(f"--{state.kind}={state.port}")
    path, _, target = mount.partition(" ") if mount.startswith("/") else ("/", "", mount)
    if path != "/":
        argv.append(f"--set-path={path}")
    local = LOCAL.match(target)
    return [*argv, local[1] if local else target]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it; when it prints an address, the person of this world is asked for consent there.

    Raises:
        CommandFailed: tailscale refuses.
        HomelabError: the page refuses.
        WaitTimeout: nobody opens it.
    """
    if after.kind in ("https", "tls-terminated-tcp"):
        with suppress(WaitTimeout):  # it is not switched on: the command asks for that, by a page
            until(
                lambda: status(machine).get("CertDomains") or [],
                bool,
                "the tailnet to give this node a name for a certificate",
                SETTLED,
                where=machine.name,
            )
    refused: list[HomelabError] = []

    def watch(line: str) -> None:
        if found := ASKS.search(line):
            try:
                machine.person.enable(found.group())
            except HomelabError as error:
                refused.append(error)
                machine.run(["sudo", "pkill", "-x", "tailscale"])  # nobody comes: it would wait for ever

    done = machine.run(command(before, after), timeout=PATIENCE, watch=watch)
    if refused:
        raise refused[0]
    done.ok()


def difference(before: State, after: State) -> str:
    """Who sees what, in words."""
    return f"port {after.port}: {words(before)} → {words(after)}"


def words(state: State) -> str:
    """What stands there, in words."""
    if not state.kind:
        return "nothing"
    who = "for everybody" if state.public else "in the tailnet"
    targets = ", ".join(
        shlex.join(m.split(" ", 1)) if not m.startswith("/ ") else m[2:] for m in state.mounts
    )
    return f"{state.kind} {who}, to {targets}"
