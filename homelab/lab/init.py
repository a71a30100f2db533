"""The lab's first process after pid 1: brings everything up, answers requests, ends when its lease does."""

from __future__ import annotations

import encodings.idna  # noqa: F401  machines cannot load modules once they are in their own root
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import anchor, base, daemons, kernel, links, root, server, tailnet
from .anchor import Anchor
from .daemons import Daemon
from .tools import Tools
from .verbs import Wires
from .wire import Refused

READY_FD = "HOMELAB_READY_FD"


class Lab:
    """A lab that is up, or on its way."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.blueprint = config, config["blueprint"]
        self.folder = Path(config["state"])
        self.rootless = config["tier"] == "rootless"
        self.tools = Tools(Path(config["built"]["packages"]))
        self.machines: dict[str, Anchor] = {}
        self.known = daemons.known(self.blueprint)
        self.enrolled = bool(config["enrolled"])
        self._born = time.monotonic()
        self._log = (self.folder / "init.log").open("a", buffering=1)

    def note(self, what: str) -> None:
        """A line of the lab's own log, with the seconds since its start."""
        self._log.write(f"{time.monotonic() - self._born:7.3f} {what}\n")

    def build(self) -> None:
        """Machines, wires and rules; no daemon yet. No thread may run before this is done.

        Raises:
            Refused, OSError: the kernel refuses something.
        """
        kernel.make_private()
        kernel.set_hostname("lab")
        place = self.folder / "ns"
        place.mkdir(exist_ok=True)
        kernel.mount("tmpfs", place, "tmpfs", kernel.MS_NOSUID, "mode=755")
        built = {name: Path(path) for name, path in self.config["built"].items()}
        base.make(place / "base", built["packages"], built["ca"], own_everything=self.rootless)
        self.note("base layer")
        for name, machine in self.blueprint["machines"].items():
            self.machines[name] = anchor.raise_up(self._plan(name, machine, place, built))
        self.tools.run("ip", "-batch", "-", text=links.switches(self.blueprint))
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        for machine in self.machines.values():
            machine.expect(b"namespaces")
        pids = {name: machine.pid for name, machine in self.machines.items()}
        self.tools.run("ip", "-batch", "-", text=links.wires(self.blueprint, pids))
        self.note("wires")
        for machine in self.machines.values():
            machine.expect(b"root")
        self.note("roots")
        _all(self._configure, list(self.machines))
        self.wires = Wires(self.blueprint, self.machines, self.tools)
        self.note("addresses and rules")

    def _plan(self, name: str, machine: dict[str, Any], place: Path, built: dict[str, Path]) -> anchor.Plan:
        has_client = machine["tailscale"] == "installed" or (
            self.enrolled and machine["tailscale"] == "later"
        )
        client = built["tailscale"] / "layer" if has_client else None
        cloud = self.blueprint["cloud"]
        places = [root.Place(p["source"], p["target"]) for p in self.config["python"]]
        if cloud and cloud["machine"] == name:
            home = daemons.CLOUD_HOME
            places += [root.Place(str(built[n]), f"{home}/{n}") for n in ("cloud", "www", "ca")]
        return anchor.Plan(
            name,
            machine["hostname"],
            cloud["dns"] if cloud else "",
            str(place / name),
            root.Layers(place / "base", built["packages"], client),
            places,
            self.rootless,
        )

    def _configure(self, name: str) -> None:
        machine = self.blueprint["machines"][name]
        commands = [[["ip", "-batch", "-"], links.addresses(machine)]]
        if rules := links.firewall(machine):
            commands.append([["iptables-restore"], rules])
        cloud = self.blueprint["cloud"]
        if cloud and cloud["machine"] == name:
            commands.append([["mkdir", "-p", daemons.CLOUD_STATE], ""])
        files = {"/proc/sys/net/ipv4/ip_forward": "1"} if machine["forwards"] else {}
        if machine["udp_port"]:
            files["/etc/default/lab-tailscaled"] = (
                f'PORT="{machine["udp_port"]}"\nFLAGS="--no-logs-no-support"\n'
            )
        self.machines[name].ask("batch", commands=commands, files=files)

    def start_daemons(self) -> None:
        """The cloud, and the tailscaled of every machine that has one."""
        for daemon in self.known.values():
            if daemon.name != daemons.TAILSCALED or self._has_client(daemon.machine):
                self._begin(daemon)
        self.note("daemons started")
        if cloud := self.blueprint["cloud"]:
            self._await_cloud(self.machines[cloud["machine"]])
            self.note("cloud ready")

    def _await_cloud(self, machine: Anchor) -> None:
        path, end = (
            f"/proc/{machine.pid}/root{daemons.CLOUD_STATE}/admin.sock",
            time.monotonic() + tailnet.PATIENCE,
        )
        while time.monotonic() < end and machine.ask("alive", name="cloud")["alive"]:
            with socket.socket(socket.AF_UNIX) as sock:
                if sock.connect_ex(path) == 0:
                    return
            time.sleep(0.005)
        log = self.folder / "log" / f"{machine.name}-cloud.log"
        said = log.read_text(errors="replace").strip().splitlines()[-2:]
        raise Refused(f"the lab's cloud did not start: {' | '.join(said) or 'it said nothing'}", str(log))

    def enroll(self) -> list[str]:
        """Join every machine that can to the tailnet; the names of all that are in it then.

        Raises:
            Refused: one could not.
        """
        nodes = [n for n, m in self.blueprint["machines"].items() if m["tailscale"] != "none"]
        for name in nodes:
            if not self._has_client(name):
                self._install(name)
            self._begin(self.known[name, daemons.TAILSCALED])
        hostnames = {n: self.blueprint["machines"][n]["hostname"] for n in nodes}
        tailnet.join({n: self.machines[n] for n in nodes}, hostnames)
        self.enrolled = True
        self.note(f"{len(nodes)} machines see each other")
        return nodes

    def _install(self, name: str) -> None:
        """The install page's own script, as a stage would run it."""
        said = self.machines[name].ask(
            "quiz", argv=["sh", "-c", "curl -fsSL https://tailscale.com/install.sh | sh 2>&1"]
        )
        if not self._has_client(name):
            raise Refused(f"tailscale could not be installed: {said['out'].strip()[-300:]}", name)

    def _has_client(self, name: str) -> bool:
        return os.access(f"/proc/{self.machines[name].pid}/root/usr/sbin/tailscaled", os.X_OK)

    def machine(self, name: Any) -> Anchor:
        """The machine called `name`.

        Raises:
            Refused: there is none.
        """
        if name in self.machines:
            return self.machines[name]
        raise Refused(f"there is no machine {name!r}", hint=f"machines: {', '.join(self.machines)}")

    def daemon(self, machine: str, name: str) -> Daemon:
        """A daemon that the lab knows.

        Raises:
            Refused: it knows none of that name.
        """
        if (machine, name) in self.known:
            return self.known[machine, name]
        names = ", ".join(n for m, n in self.known if m == machine)
        raise Refused(f"{machine} has no daemon {name!r} of the lab's own", hint=names and f"known: {names}")

    def start(self, daemon: Daemon, connection: socket.socket) -> None:
        """Start `daemon`; the machine answers on `connection`."""
        log = self.folder / "log" / f"{daemon.machine}-{daemon.name.replace('/', '_')}.log"
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            request = {"op": "start", "name": daemon.name, "argv": daemon.argv, "env": daemon.env}
            self.machines[daemon.machine].pass_on(connection, request, [handle])
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

    def status(self) -> dict[str, Any]:
        """The status document."""
        told = _told(self.folder / "lab.json")
        return {
            "schema": 1,
            "version": self.config["version"],
            "tier": self.config["tier"],
            "pid": told.get("pid"),
            "owner_pid": told.get("owner_pid"),
            "state": str(self.folder),
            "socket": str(self.folder / "lab.sock"),
            "topology": self.config["topology"],
            "enrolled": self.enrolled,
            "networks": {n: {"prefix": net["prefix"]} for n, net in self.blueprint["networks"].items()},
            "machines": {
                name: self._machine_status(name, m) for name, m in self.blueprint["machines"].items()
            },
            "links": [w.shown() for w in self.wires.all],
            "ca": str(Path(self.config["built"]["ca"]) / "root.pem"),
        }

    def _machine_status(self, name: str, machine: dict[str, Any]) -> dict[str, Any]:
        now = tailnet.status(self.machines[name])
        addresses = (now or {}).get("TailscaleIPs") or []
        idle = "NotRunning" if self._has_client(name) else "none"
        state = now["BackendState"] if now else idle
        docker = f"/proc/{self.machines[name].pid}/root/run/docker.sock"
        wire_ = next((w for w in self.wires.all if w.machine == name and w.nat), None)
        return {
            "addresses": {nic["network"]: nic["addresses"][0] for nic in machine["interfaces"]},
            "role": machine["role"],
            "about": machine["about"],
            "stand_in": machine["stand_in"],
            "tailscale": state,
            "tailnet_ip": next((a for a in addresses if "." in a), None) if state == "Running" else None,
            "docker": Path(docker).exists(),
            "gateway": machine["gateway"],
            "nat": wire_.nat if wire_ else None,
        }


def _told(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _all(do: Any, names: list[str]) -> None:
    """`do` each of `names` at once; the first failure is raised when all are through."""
    problems: list[BaseException] = []

    def one(name: str) -> None:
        try:
            do(name)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def main(config_path: str) -> None:
    """Bring the lab up and keep it until the lease, our standard input, ends."""
    ready = int(os.environ[READY_FD])
    os.set_inheritable(ready, False)
    lab = Lab(json.loads(Path(config_path).read_text()))
    try:
        lab.build()
        _leave_when_lease_ends()
        lab.start_daemons()
        if lab.enrolled:
            lab.enroll()
        server.Server(lab, lab.folder / "lab.sock").start()
    except (OSError, Refused) as error:
        problem = error if isinstance(error, Refused) else Refused(str(error), str(lab.folder / "init.log"))
        lab.note(f"failed: {problem.what}")
        server.tell(ready, error={"what": problem.what, "where": problem.where, "hint": problem.hint})
        os._exit(1)
    lab.note("ready")
    server.tell(ready, ready=True)
    os.close(ready)
    threading.Event().wait()


def _leave_when_lease_ends() -> None:
    def wait() -> None:
        while os.read(0, 4096):
            continue
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
