"""A lab on its way up: its machines, its wires, their rules."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homelab.errors import nearest

from . import anchor, base, copying, daemons, database, disks, engine, hostview, kernel, links, root
from .anchor import Anchor
from .tools import Tools
from .verbs import Wires
from .windows import disk as windows
from .wire import Unfit


class Lab:
    """What `config` (see up.py) describes; `build` makes it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.blueprint = config, config["blueprint"]
        self.folder = Path(config["state"])
        self.rootless = config["tier"] == "rootless"
        self.enrolled = bool(config["enrolled"])
        self.restored = Path(config["restored"]) if config["restored"] else None  # a saved lab's folder
        self.tools = Tools(Path(config["built"]["packages"]))
        self.machines: dict[str, Anchor] = {}
        self.stopped: set[str] = set()  # distributions of WSL that do not run
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
        if self.restored:
            copying.lay_out(self.restored, self.folder)
            self.note("layers of the saved lab")
        built = {name: Path(path) for name, path in self.config["built"].items()}
        self.parts = hostview.parts(rootless=self.rootless)
        layer, python = place / "base", self.config["python"]
        base.make(layer, built["packages"], built["ca"], self.parts, own_everything=self.rootless)
        if python:
            base.link(layer / "usr/local/bin/python3", f"{python}/bin/python3")
        below = [layer, built["packages"], *([Path("/")] if any(p.host for p in self.parts) else [])]
        base.make_cover(place / "cover", below)
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
        if self.restored:
            roots = {name: Path(f"/proc/{machine.pid}/root") for name, machine in self.machines.items()}
            copying.fill(self.restored, roots)
        self.note("roots")
        _all(self._configure, list(self.machines))
        self.wires = Wires(self.blueprint, self.machines, self.tools)
        self.note("addresses and rules")

    def _plan(self, name: str, machine: dict[str, Any], place: Path, built: dict[str, Path]) -> anchor.Plan:
        has_client = machine["tailscale"] in ("installed", "asked") or (
            self.enrolled and machine["tailscale"] == "later"
        )
        client = built["tailscale"] / "layer" if has_client else None
        cloud = self.blueprint["cloud"]
        python = self.config["python"]
        shown = {python} if python else set()
        if machine["runbook"]:
            shown |= set(self.config["runbook"])
        places = [root.Place(path, path) for path in sorted(shown)]
        places += disks.of(machine, name, self.folder, place, rootless=self.rootless)
        places += windows.places(name, self.blueprint["machines"], place)
        if machine["docker"]:
            places.append(root.Place(str(built["compose"]), engine.COMPOSE))
        if cloud and cloud["machine"] == name:
            home = daemons.CLOUD_HOME
            places += [root.Place(str(built[n]), f"{home}/{n}") for n in ("cloud", "www", "ca")]
            places.append(root.Place(str(self.folder / daemons.HUB), daemons.HUB_STORAGE))
        elif machine["names"] or (cloud and name in (cloud["relay"], cloud["recorder"])):
            # the same program, in another part
            places.append(root.Place(str(built["cloud"]), f"{daemons.CLOUD_HOME}/cloud"))
        return anchor.Plan(
            name,
            machine["hostname"],
            cloud["dns"] if cloud else "",
            str(place / name),
            root.Layers(
                place / "base",
                built["packages"],
                client,
                tuple(self.parts),
                None if machine["docker"] else place / "cover",
            ),
            places,
            self.rootless,
            docker=bool(machine["docker"]),
            room=machine["room"],
            restored=self.restored is not None,
            groups=self.config["cgroups"] if machine["docker"] else [],
        )

    def _configure(self, name: str) -> None:
        machine = self.blueprint["machines"][name]
        files = {"/proc/sys/net/ipv4/ip_forward": "1"} if machine["forwards"] else {}
        commands = [[["ip", "-batch", "-"], links.addresses(machine)]]
        if rules := links.firewall(machine):
            commands.append([["iptables-restore"], rules])
        cloud = self.blueprint["cloud"]
        if cloud and cloud["machine"] == name:
            commands.append([["mkdir", "-p", daemons.CLOUD_STATE], ""])
            files[daemons.REGISTRY_SETTINGS] = daemons.REGISTRY_CONFIG
        if machine["names"]:
            commands.append([["mkdir", "-p", daemons.NAMES_STATE], ""])
        if machine["database"]:
            files |= database.files()
        if login := windows.environment(name, self.blueprint["machines"]):
            files["/etc/environment"] = login
        if machine["udp_port"]:
            files["/etc/default/lab-tailscaled"] = (
                f'PORT="{machine["udp_port"]}"\nFLAGS="--no-logs-no-support"\n'
            )
            files[daemons.INIT] = daemons.INIT_SCRIPT
            commands.append([["chmod", "755", daemons.INIT], ""])
        if machine["docker"]:
            commands.append([["ip", "address", "add", f"{engine.RESOLVER}/32", "dev", "lo"], ""])
            options = engine.LIMITED if self.config["cgroups"] else engine.UNLIMITED
            files["/etc/default/docker"] = f'DOCKER_OPTS="{options}"\n'
        if self.restored:  # the machine's own files are as it left them
            files = {path: text for path, text in files.items() if path.startswith("/proc/")}
        self.machines[name].ask("batch", commands=commands, files=files)
        if machine["docker"]:
            self.machines[name].ask("names", address=engine.RESOLVER)

    def machine(self, name: Any) -> Anchor:
        """The machine called `name`.

        Raises:
            Unfit: there is none.
        """
        if name in self.machines:
            return self.machines[name]
        raise Unfit(f"there is no machine {name!r}", hint=nearest(str(name), self.machines))


def _all(do: Callable[[str], None], names: list[str]) -> None:
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
