"""A machine of the lab, through the lab's socket."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from homelab import labsocket
from homelab.errors import LabError, WaitTimeout
from homelab.machine import LEFT_OVER, TIMEOUT, Pending, Result, Watch, shown
from homelab.person import Person
from homelab.secret import mask


class LabMachine:
    """One of the lab's machines: commands run inside it, sockets are made inside it."""

    def __init__(
        self,
        path: str,
        name: str,
        document: Mapping[str, Any],
        person: Person,
        pending: Pending,
        ca: str = "",
    ) -> None:
        """`path` is the lab's socket, `document` what its status says of the machine, `ca` a file: whom it trusts."""
        self.path, self.name, self.person, self.pending, self.ca = path, name, person, pending, ca
        self.about: str = document.get("about", "")
        self.addresses: dict[str, str] = dict(document.get("addresses", {}))

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        """See `Machine.run`."""
        start = time.monotonic()
        pipes = [os.pipe() for _ in range(3)]
        given = [pipes[0][0], pipes[1][1], pipes[2][1]]
        ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        parts: dict[str, list[str]] = {"out": [], "err": []}

        def drain(name: str, fd: int) -> None:
            with os.fdopen(fd, encoding="utf-8", errors="replace") as pipe:
                for line in pipe:
                    parts[name].append(line)
                    if watch:
                        watch(line.rstrip("\n"))

        def feed(fd: int) -> None:
            try:
                with os.fdopen(fd, "w", encoding="utf-8") as pipe:
                    pipe.write(stdin)
            except BrokenPipeError:
                return  # it ended without reading

        threads = [
            threading.Thread(target=feed, args=(ours[0],), daemon=True),
            threading.Thread(target=drain, args=("out", ours[1]), daemon=True),
            threading.Thread(target=drain, args=("err", ours[2]), daemon=True),
        ]
        document = {"op": "run", "machine": self.name, "argv": list(argv), "env": dict(env or {})}
        try:
            with labsocket.ask(self.path, document, given) as connection:
                for fd in given:
                    os.close(fd)
                given.clear()
                for thread in threads:
                    thread.start()
                connection.answer()
                connection.settimeout(timeout)
                rc = int(connection.answer()["rc"])
        except TimeoutError:
            last = ("".join(parts["err"]) or "".join(parts["out"])).strip().splitlines()[-1:]
            raise WaitTimeout(
                f"`{shown(argv)}` to end",
                timeout,
                mask(last[0]) if last else "it printed nothing",
                f"look yourself: ./runbook lab shell {self.name}",
                self.name,
            ) from None
        finally:
            for fd in given:
                os.close(fd)
            if threads[0].ident is None:
                for fd in ours:
                    os.close(fd)
        for thread in threads[1:]:
            thread.join(LEFT_OVER)
        return Result(
            tuple(argv), rc, "".join(parts["out"]), "".join(parts["err"]), time.monotonic() - start, self.name
        )

    def read_text(self, path: str) -> str | None:
        """See `Machine.read_text`."""
        with labsocket.ask(self.path, {"op": "read", "machine": self.name, "path": path}) as connection:
            if not connection.answer().get("ok"):
                return None
            with os.fdopen(connection.fds.pop(), encoding="utf-8", errors="replace") as file:
                return file.read()

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        """See `Machine.write_text`."""
        document = {"op": "write", "machine": self.name, "path": path, "mode": mode}
        with labsocket.ask(self.path, document) as connection:
            connection.answer()
            with os.fdopen(connection.fds.pop(), "w", encoding="utf-8") as file:
                file.write(text)
            connection.send({"commit": True})
            connection.answer()

    def unix(self, path: str) -> socket.socket:
        """A connection to the unix socket at `path` in this machine.

        Raises:
            LabError: nobody listens there.
        """
        with labsocket.ask(self.path, {"op": "unix", "machine": self.name, "path": path}) as connection:
            connection.answer()
            return socket.socket(fileno=connection.fds.pop())

    def socket(self, family: str = "inet", kind: str = "stream") -> socket.socket:
        """An unconnected socket made in this machine's network: what it connects to sees the machine."""
        document = {"op": "socket", "machine": self.name, "family": family, "type": kind}
        with labsocket.ask(self.path, document) as connection:
            connection.answer()
            return socket.socket(fileno=connection.fds.pop())

    def resolve(self, host: str) -> list[str]:
        """The addresses that `host` has for this machine.

        Raises:
            LabError: the name is not known there.
        """
        found = labsocket.request(self.path, op="resolve", machine=self.name, host=host)["addresses"]
        if not found:
            raise LabError(f"the name {host} is not known there", self.name)
        return list(found)

    def start(self, daemon: str) -> None:
        """Start one of the lab's daemons on this machine again, as it was."""
        labsocket.request(self.path, op="start", machine=self.name, name=daemon)

    def stop(self, daemon: str, signal: int = 15) -> None:
        """End one of the lab's daemons on this machine and wait for its end."""
        labsocket.request(self.path, op="stop", machine=self.name, name=daemon, signal=signal)

    def link(self, network: str | None = None, **change: float | str | bool) -> dict[str, Any]:
        """Change the machine's link to `network` (its only one by default), and return how it is now.

        `change`: ``delay_ms``, ``loss_pct``, ``mtu``, ``udp`` (pass, block), ``nat`` (cone, symmetric), ``cut``.
        """
        answer = labsocket.request(self.path, op="link", machine=self.name, network=network, set=change)
        link: dict[str, Any] = answer["link"]
        return link
