"""The lab's daemons while it runs: starting them, waiting for the cloud, joining the tailnet."""

from __future__ import annotations

import json
import os
import socket
import threading
import time

from . import daemons, tailnet
from .anchor import Anchor
from .daemons import Daemon
from .lab import Lab
from .wire import Refused


class Services:
    """What runs in the machines of a `lab` that is built."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._known = daemons.known(lab.blueprint)
        self._asked: set[tuple[str, str]] = (
            set()
        )  # those that run only when somebody wants them, and somebody did

    def start_all(self) -> None:
        """The cloud, and the tailscaled of every machine that has one.

        Raises:
            Refused: one does not start.
        """
        self._begin_all(self._wanted())
        self._lab.note("daemons started")

    def start_missing(self) -> list[str]:
        """Start what does not run any more, as ``machine/name``; those that were started.

        Raises:
            Refused: one does not start.
        """
        gone = [d for d in self._wanted() if not self._is_alive(d)]
        if any(d.name == daemons.DNS for d in gone):  # a new DNS knows only what a new cloud tells it
            alive = [d for d in self._wanted() if d.name == daemons.CLOUD and d not in gone]
            for daemon in alive:
                self._lab.machines[daemon.machine].ask("stop", name=daemon.name)
            gone = [d for d in self._wanted() if d in gone or d in alive]
        self._begin_all(gone)
        for daemon in gone:
            if daemon.name == daemons.TAILSCALED:
                tailnet.await_daemon(self._lab.machines[daemon.machine])
        if any(d.name == daemons.REGISTRY for d in gone):
            self.start_registry()  # it runs; it has to answer, too
        names = [f"{d.machine}/{d.name}" for d in gone]
        self._lab.note(f"started again: {', '.join(names) or 'nothing'}")
        return names

    def start_those_of(self, machine: str) -> None:
        """Start what should run on `machine`, which was stopped.

        Raises:
            Refused: one does not start.
        """
        for daemon in self._wanted():
            if daemon.machine == machine:
                self._begin(daemon)

    def ask_for(self, daemon: Daemon) -> None:
        """Start a known daemon and what it needs, logged in where it is the cloud's own.

        Raises:
            Refused: one does not start.
        """
        for name in daemon.needs:
            self.ask_for(self._known[daemon.machine, name])
        self._asked.add((daemon.machine, daemon.name))
        self._begin(daemon)
        if daemon.join:
            machine = self._lab.machines[daemon.machine]
            tailnet.await_daemon(machine)
            machine.ask("quiz", argv=[*daemon.join, f"--timeout={tailnet.PATIENCE:.0f}s"])

    def memory(self) -> dict[str, list[list[str]]]:
        """Those that somebody asked for, and which of them run; for a lab that is saved."""
        asked = sorted(self._asked)
        alive = [(m, n) for m, n in asked if self._is_alive(self._known[m, n])]
        return {"asked": [list(pair) for pair in asked], "alive": [list(pair) for pair in alive]}

    def remembered(self, memory: dict[str, list[list[str]]]) -> list[Daemon]:
        """The daemons to ask for again, by what `memory` said; those that did not run are known, and stay down.

        Without those that another one of them needs.
        """
        self._asked |= {(m, n) for m, n in memory["asked"] if (m, n) in self._known}
        alive = {(m, n): self._known[m, n] for m, n in memory["alive"] if (m, n) in self._known}
        needed = {(d.machine, name) for d in alive.values() for name in d.needs}
        return [d for pair, d in alive.items() if pair not in needed]

    def let_go(self, daemon: Daemon) -> None:
        """End a daemon that somebody asked for; nobody wants it any more."""
        self._asked.discard((daemon.machine, daemon.name))
        self._lab.machines[daemon.machine].ask("stop", name=daemon.name)

    def open_front_end(self) -> None:
        """Start Funnel's front end, beside what the caller does: nobody waits for it, and all count on it."""
        cloud = self._lab.blueprint["cloud"]
        if not cloud or not cloud["relay"]:
            return

        def work() -> None:
            try:
                self.ask_for(self._known[cloud["relay"], daemons.RELAY])
                self._lab.note("Funnel's front end is open")
            except (OSError, Refused) as error:
                self._lab.note(f"Funnel's front end did not start: {error}")

        threading.Thread(target=work, daemon=True).start()

    def is_nobodys(self, machine: str) -> bool:
        """Whether a machine's tailscaled is the cloud's own, in nobody's tailnet."""
        daemon = self._known.get((machine, daemons.TAILSCALED))
        return bool(daemon and daemon.join)

    def running(self, machine: str) -> dict[str, str]:
        """How the lab's own daemons in a machine are: ``running`` or ``not running``."""
        return {
            d.name: "running" if self._is_alive(d) else "not running"
            for d in self._wanted()
            if d.machine == machine
        }

    def _wanted(self) -> list[Daemon]:
        """Every daemon that should run; the public DNS, which the others ask, first."""
        there = [d for d in self._known.values() if d.machine not in self._lab.stopped]
        return [d for d in there if (d.machine, d.name) in self._asked or self._is_always_there(d)]

    def _is_always_there(self, daemon: Daemon) -> bool:
        if daemon.name == daemons.TAILSCALED:
            how = self._lab.blueprint["machines"][daemon.machine]["tailscale"]
            return how != "asked" and self.has_client(daemon.machine)
        if daemon.name == daemons.REGISTRY:  # from the first image that is offered
            return any((self._lab.folder / daemons.HUB).iterdir())
        return daemon.name in (daemons.DNS, daemons.CLOUD)

    def start_registry(self) -> None:
        """Start what serves the hub's images, if it does not run, and wait until it answers.

        Raises:
            Refused: it does not.
        """
        daemon = next(d for d in self._known.values() if d.name == daemons.REGISTRY)
        self._begin(daemon)
        machine, end = self._lab.machines[daemon.machine], time.monotonic() + tailnet.PATIENCE
        ask = [
            "curl",
            "-s",
            "-m",
            "5",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            f"http://{daemons.REGISTRY_AT}/v2/",
        ]
        while self._is_alive(daemon) and time.monotonic() < end:
            if (
                machine.ask("quiz", argv=ask, fine=[0, 7, 28])["out"] == "200"
            ):  # 7: nobody listens, 28: too late
                return
            time.sleep(0.01)
        raise self._did_not_start(daemon, "the lab's registry")

    def _is_alive(self, daemon: Daemon) -> bool:
        return bool(self._lab.machines[daemon.machine].ask("alive", name=daemon.name)["alive"])

    def _begin_all(self, wanted: list[Daemon]) -> None:
        for daemon in wanted:
            self._begin(daemon)
        cloud = self._lab.blueprint["cloud"]
        if cloud and any(d.machine == cloud["machine"] and d.name != daemons.TAILSCALED for d in wanted):
            self._await_cloud(self._lab.machines[cloud["machine"]])
            self._lab.note("cloud ready")

    def _await_cloud(self, machine: Anchor) -> None:
        path, end = (
            f"/proc/{machine.pid}/root{daemons.CLOUD_STATE}/admin.sock",
            time.monotonic() + tailnet.PATIENCE,
        )
        while time.monotonic() < end and machine.ask("alive", name=daemons.CLOUD)["alive"]:
            with socket.socket(socket.AF_UNIX) as sock:
                if sock.connect_ex(path) == 0 and self._names_are_known(machine):
                    return
            time.sleep(0.005)
        raise self._did_not_start(self._known[machine.name, daemons.CLOUD], "the lab's cloud")

    def _names_are_known(self, machine: Anchor) -> bool:
        # Where the DNS process comes up after the cloud, it is told the names a moment later.
        ask = ["getent", "ahostsv4", "controlplane.tailscale.com"]
        return bool(machine.ask("quiz", argv=ask, fine=[0, 2])["out"])

    def _did_not_start(self, daemon: Daemon, called: str) -> Refused:
        log = self._lab.folder / "log" / f"{daemon.machine}-{daemon.name}.log"
        said = log.read_text(errors="replace").strip().splitlines()[-2:]
        return Refused(f"{called} did not start: {' | '.join(said) or 'it said nothing'}", str(log))

    def enroll(self) -> list[str]:
        """Join every machine that can to the tailnet; the names of all that are in it then.

        Raises:
            Refused: one could not.
        """
        machines = self._lab.blueprint["machines"]
        nodes = [n for n, m in machines.items() if m["tailscale"] in ("installed", "later")]
        for name in nodes:
            if not self.has_client(name):
                self._install(name)
            self._begin(self._known[name, daemons.TAILSCALED])
        hostnames = {n: machines[n]["hostname"] for n in nodes}
        tailnet.join({n: self._lab.machines[n] for n in nodes}, hostnames)
        self._lab.enrolled = True
        self._lab.note(f"{len(nodes)} machines see each other")
        return nodes

    def _install(self, name: str) -> None:
        """The install page's own script, as a stage would run it."""
        said = self._lab.machines[name].ask(
            "quiz", argv=["sh", "-c", "curl -fsSL https://tailscale.com/install.sh | sh 2>&1"]
        )
        if not self.has_client(name):
            raise Refused(f"tailscale could not be installed: {said['out'].strip()[-300:]}", name)

    def has_client(self, name: str) -> bool:
        """Whether tailscale is installed on a machine."""
        return os.access(f"/proc/{self._lab.machines[name].pid}/root/usr/sbin/tailscaled", os.X_OK)

    def daemon(self, machine: str, name: str) -> Daemon:
        """A daemon that the lab knows.

        Raises:
            Refused: it knows none of that name.
        """
        if (machine, name) in self._known:
            return self._known[machine, name]
        names = ", ".join(n for m, n in self._known if m == machine)
        raise Refused(f"{machine} has no daemon {name!r} of the lab's own", hint=names and f"known: {names}")

    def start(self, daemon: Daemon, connection: socket.socket) -> None:
        """Start `daemon`; the machine answers on `connection`."""
        log = self._lab.folder / "log" / f"{daemon.machine}-{daemon.name.replace('/', '_')}.log"
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            request = {"op": "start", "name": daemon.name, "argv": daemon.argv, "env": daemon.env}
            request["pid_file"] = daemon.pid_file
            self._lab.machines[daemon.machine].pass_on(connection, request, [handle])
        finally:
            os.close(handle)

    def _begin(self, daemon: Daemon) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self.start(daemon, theirs)
            with ours.makefile("rb") as lines:
                answer = json.loads(lines.readline() or b"{}")
        if "error" in answer:
            raise Refused(answer["error"]["what"], daemon.machine)
