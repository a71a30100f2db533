"""What a machine's tailscaled says of itself, and joining machines to the lab's tailnet."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from .anchor import Anchor
from .daemons import AUTH_KEY, LOCAL_API
from .wire import Refused

ASK = b"GET /localapi/v0/status HTTP/1.0\r\nHost: local-tailscaled.sock\r\n\r\n"
PATIENCE = 30.0


def status(machine: Anchor) -> dict[str, Any] | None:
    """What the daemon's local API says, or None when there is no daemon."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(2)
        try:
            sock.connect(f"/proc/{machine.pid}/root{LOCAL_API}")
            sock.sendall(ASK)
            raw = b""
            while data := sock.recv(1 << 16):
                raw += data
        except OSError:
            return None
    head, _, body = raw.partition(b"\r\n\r\n")
    try:
        document = json.loads(body) if b" 200 " in head.partition(b"\r\n")[0] else None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def join(machines: dict[str, Anchor], hostnames: dict[str, str]) -> None:
    """Log every one of `machines` in, all at once, and wait until each sees all the others online.

    Raises:
        Refused: one could not join, or did not see the others in time.
    """
    problems: list[Refused] = []

    def one(name: str) -> None:
        try:
            await_daemon(machines[name])
            now = status(machines[name])
            if now and now["BackendState"] == "Running":
                return
            command = ["tailscale", "up", f"--auth-key={AUTH_KEY}", f"--hostname={hostnames[name]}"]
            machines[name].ask("quiz", argv=[*command, f"--timeout={PATIENCE:.0f}s"])
        except Refused as error:
            problems.append(error)

    threads = [threading.Thread(target=one, args=(name,)) for name in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    for name in machines:
        others = {hostnames[n] for n in machines if n != name}
        _wait(
            f"{name} to see all {len(others)} other machines of the tailnet",
            lambda name=name, others=others: _missing(machines[name], others),  # type: ignore[misc]
            name,
        )


def await_daemon(machine: Anchor) -> None:
    """Wait until the machine's daemon answers.

    Raises:
        Refused: it does not.
    """
    _wait("tailscaled to answer", lambda: "" if status(machine) else "no answer", machine.name)


def _missing(machine: Anchor, others: set[str]) -> str:
    now = status(machine) or {}
    seen = {p["HostName"] for p in (now.get("Peer") or {}).values() if p.get("Online")}
    left = others - seen
    return f"not online yet: {', '.join(sorted(left)[:5])}" if left else ""


def _wait(what: str, missing: Callable[[], str], where: str) -> None:
    end, last = time.monotonic() + PATIENCE, ""
    while time.monotonic() < end:
        if not (last := missing()):
            return
        time.sleep(0.01)
    raise Refused(
        f"waited {PATIENCE:.0f} s for {what}; last seen: {last}",
        where,
        "the logs are in the lab's state folder, log/",
    )
