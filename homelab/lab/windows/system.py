"""A played Windows: what it remembers, and the machine that is its hands."""

from __future__ import annotations

import base64
from typing import Any

from ..lab import Lab
from ..services import Services
from . import netsh, powershell, schtasks, wsl
from .call import NOT_PLAYED, Call, Unplayed, plain
from .disk import C
from .distribution import Distribution
from .firewall import Firewall
from .portproxy import PortProxy
from .settings import Settings
from .tasks import Task

PROGRAMS = {
    "wsl.exe": wsl.main,
    "netsh.exe": netsh.main,
    "schtasks.exe": schtasks.main,
    "powershell.exe": powershell.main,
}


class System:
    """Windows on the machine `name` of a lab that is built."""

    def __init__(self, lab: Lab, services: Services, name: str) -> None:
        said = lab.blueprint["machines"][name]["windows"]
        self.lab, self.name, self.said = lab, name, said
        self.machine, self.services = lab.machines[name], services
        self.settings = Settings(build=said["build"], locale=said["locale"], admin=said["admin"])
        self.distribution = Distribution(lab, services, name, self.settings)
        self.proxy = PortProxy(self.machine, lab.note)
        self.firewall = Firewall(self.machine, lab.blueprint["machines"][name], self.settings)
        self.tasks: dict[str, Task] = {}  # by name in small letters, for Windows takes capitals for the same
        self.client_starts = "Manual"  # when Tailscale's service starts
        self.running: dict[str, Call] = {}  # what was launched and has not ended, by what launched it

    @property
    def user(self) -> str:
        """Who sits at it, as Windows names people."""
        return f"{self.said['name']}\\{self.said['user']}"

    @property
    def profile(self) -> str:
        """The person's folder."""
        return f"C:\\Users\\{self.said['user']}"

    def run(self, call: Call) -> int:
        """Do what a program is called for; its exit status."""
        if call.side == "wsl" and not self.distribution.interop:
            call.err(f"{call.program}: cannot execute binary file: Exec format error")
            return 126
        try:
            program = PROGRAMS.get(plain(call.program))
            if program is None:
                raise Unplayed(", ".join(PROGRAMS))
            return program(self, call)
        except Unplayed as known:
            line = " ".join([call.program, *call.argv])
            self.lab.note(f"{self.name}: not played: {line[:300]}")
            call.err(f"{call.program}: stand-in: `{line}` is not played. The lab plays: {known}")
            return NOT_PLAYED

    def is_elevated(self, call: Call) -> bool:
        """Whether a call has administrator's rights."""
        return call.elevated or self.settings.admin == "elevated"

    def says_yes(self, what: str) -> bool:
        """Ask the played person, as UAC does."""
        answer = self.settings.admin != "refused"
        self.lab.note(f"{self.name}: {self.said['user']} is asked for {what}: {'yes' if answer else 'no'}")
        return answer

    def read(self, path: str, call: Call) -> bytes | None:
        """What is in the file that `call` names so; None where there is none."""
        machine, inside = self.machine, path.replace("\\", "/")
        hosts = tuple(f"//{host}/{self.distribution.name.lower()}/" for host in ("wsl.localhost", "wsl$"))
        if inside[1:3] == ":/":
            if inside[0].lower() != "c":
                return None
            inside = C + inside[2:]
        elif host := next((h for h in hosts if inside.lower().startswith(h)), ""):
            machine, inside = self.distribution.machine, inside[len(host) - 1 :]
        else:
            machine = self.distribution.machine if call.side == "wsl" else self.machine
            inside = f"{call.cwd}/{inside}"
        found = machine.ask("quiz", argv=["base64", "-w0", inside], fine=[0, 1])["out"]
        return base64.b64decode(found) if found else None

    def shown(self) -> dict[str, Any]:
        """Its settings and what it remembers, as plain data."""
        return {
            **self.settings.shown(),
            "distribution": self.distribution.name,
            "state": "Running" if self.distribution.is_running else "Stopped",
            "address": self.distribution.address,
            "portproxy": [vars(entry) for entry in self.proxy.entries],
            "firewall_rules": [vars(rule) for rule in self.firewall.rules],
            "tasks": [task.name for task in self.tasks.values()],
            "launched": sorted(self.running),
        }

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some of its settings.

        Raises:
            Unfit: there is no such setting, or it cannot have that value.
        """
        self.settings.change(wanted)
        self.firewall.lay()
        self.distribution.watch()
