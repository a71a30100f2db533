"""The lab's socket: what is about one machine goes to that machine, the rest is answered here."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import copying, engine, report, waking, wire
from .daemons import Daemon
from .lab import Lab
from .services import Services
from .windows import interop, logon
from .windows.system import System
from .wire import Refused, Unfit, refuse, reply

IN_A_MACHINE = ("run", "socket", "resolve", "unix", "read", "write")


class Server:
    """Answers requests, each in a thread of its own."""

    def __init__(self, lab: Lab, services: Services, path: Path) -> None:
        self._lab, self._services = lab, services
        self._saving = threading.Lock()
        self._windows = interop.all_of(lab, services)
        self._listener = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(128)

    @property
    def windows(self) -> Mapping[str, System]:
        """Every Windows, by its machine."""
        return self._windows

    def start(self) -> None:
        """Serve from now on, beside what the caller does."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        fds: list[int] = []
        with connection:
            try:
                request, fds = wire.read_request(connection)
                self._do(request, connection, fds)
            except EOFError:
                return
            except Exception as error:  # every failure is an answer
                refuse(connection, error)
            finally:
                wire.close(fds)

    def _do(self, request: dict[str, Any], connection: socket.socket, fds: list[int]) -> None:
        op = request["op"]
        if op in IN_A_MACHINE:
            machine = self._lab.machine(request.get("machine"))
            self._wake(machine.name)
            machine.pass_on(connection, request, fds)
            return
        own: Callable[[dict[str, Any], socket.socket], None] | None = getattr(self, f"_do_{op}", None)
        if own is None:
            raise Refused(f"there is no request {op!r}")
        own(request, connection)

    def _wake(self, machine: str | None = None) -> None:
        """Whoever turns to a distribution of WSL starts it, as opening a terminal does."""
        for system in self._windows.values():
            if machine in (None, system.distribution.machine.name):
                system.distribution.start()

    def _system(self, request: dict[str, Any]) -> System:
        name = self._lab.machine(request.get("machine")).name
        if name not in self._windows:
            raise Unfit(f"{name} has no Windows", hint=f"Windows is on: {', '.join(self._windows) or 'none'}")
        return self._windows[name]

    def _do_windows(self, request: dict[str, Any], connection: socket.socket) -> None:
        """Show what the stand-ins of a Windows go by, after setting some of it."""
        system = self._system(request)
        system.change(request.get("set") or {})
        reply(connection, {"windows": system.shown()})

    def _do_logon(self, request: dict[str, Any], connection: socket.socket) -> None:
        ran = logon.sign_in(self._system(request), restart=bool(request.get("restart")))
        reply(connection, {"ran": ran})

    def _do_wsl(self, request: dict[str, Any], connection: socket.socket) -> None:
        """End a distribution, start it, or both: it has another address then."""
        system, do = self._system(request), request.get("do")
        if do not in ("stop", "start", "restart"):
            raise Unfit(f"there is no {do!r}", hint="stop, start or restart")
        if do != "start":
            system.distribution.stop()
        if do != "stop":
            system.distribution.start()
        reply(connection, {"windows": system.shown()})

    def _do_status(self, request: dict[str, Any], connection: socket.socket) -> None:
        reply(connection, report.status(self._lab, self._services))

    def _do_start(self, request: dict[str, Any], connection: socket.socket) -> None:
        machine, name = self._lab.machine(request.get("machine")), str(request.get("name") or "")
        self._wake(machine.name)
        argv = request.get("argv")
        if argv:
            daemon = Daemon(machine.name, name, argv, request.get("env") or {})
        else:
            daemon = self._services.daemon(machine.name, name)
            self._services.ask_for(daemon)
        self._services.start(daemon, connection)  # it answers that it runs already, and its PID

    def _do_stop(self, request: dict[str, Any], connection: socket.socket) -> None:
        self._lab.machine(request.get("machine")).pass_on(connection, request)

    def _do_link(self, request: dict[str, Any], connection: socket.socket) -> None:
        machine = self._lab.machine(request.get("machine")).name
        wanted, reset = request.get("set") or {}, bool(request.get("reset"))
        link = self._lab.wires.change(machine, request.get("network"), wanted, reset=reset)
        reply(connection, {"link": link})

    def _do_start_missing(self, request: dict[str, Any], connection: socket.socket) -> None:
        reply(connection, {"ok": True, "started": self._services.start_missing()})

    def _do_supply(self, request: dict[str, Any], connection: socket.socket) -> None:
        """Serve the images that are offered by now, and show machines with an engine the Compose plugin."""
        if request.get("images"):
            self._services.start_registry()
        if plugin := request.get("plugin"):
            for name, machine in self._lab.blueprint["machines"].items():
                if machine["docker"]:
                    link = ["ln", "-sfn", f"{engine.COMPOSE}/{plugin}/docker-compose", engine.PLUGIN]
                    folder = ["mkdir", "-p", str(Path(engine.PLUGIN).parent)]
                    self._lab.machines[name].ask("batch", commands=[[folder, ""], [link, ""]])
        reply(connection, {"ok": True})

    def _do_enroll(self, request: dict[str, Any], connection: socket.socket) -> None:
        self._wake()
        reply(connection, {"ok": True, "joined": self._services.enroll()})

    def _do_save(self, request: dict[str, Any], connection: socket.socket) -> None:
        """Copy the lab into the empty folder `folder`; it stands still meanwhile, for how many seconds is answered."""
        folder = Path(str(request.get("folder")))
        with self._saving:  # two at once would wake each other's machines
            still = self._save(folder)
        reply(connection, {"ok": True, "still": still})

    def _save(self, folder: Path) -> float:
        told = waking.memory(self._lab, self._services, self._windows)
        start = time.monotonic()
        with copying.standing_still(self._lab):
            copying.copy(self._lab, folder)
        still = time.monotonic() - start
        (folder / "memory.json").write_text(json.dumps(told))
        self._lab.note(f"saved to {folder}; all stood still for {still:.2f} s")
        return still

    def _do_stop_lab(self, request: dict[str, Any], connection: socket.socket) -> None:
        reply(connection, {"ok": True})
        os._exit(0)


def tell(fd: int, **event: Any) -> None:
    """One line to whoever waits for the lab to come up."""
    os.write(fd, json.dumps(event).encode() + b"\n")
