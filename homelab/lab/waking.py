"""What a saved lab remembers besides files, and how one wakes up: daemons, links, Windows, containers, programs."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import tailnet
from .lab import Lab
from .services import Services
from .windows.firewall import Rule
from .windows.portproxy import Entry
from .windows.system import System
from .windows.tasks import Task
from .wire import Refused

PATIENCE = 30.0  # seconds until every node is where it was
DOCKER = "dockerd"
SETTINGS = "etc/sysctl.d"


def memory(lab: Lab, services: Services, systems: Mapping[str, System]) -> dict[str, Any]:
    """What is nowhere in the machines' files, as plain data; asked while they run."""
    return {
        "blueprint": lab.blueprint,
        "enrolled": {"from_the_start": bool(lab.config["enrolled"]), "now": lab.enrolled},
        "stopped": sorted(lab.stopped),
        "links": [w.shown() for w in lab.wires.all],
        "daemons": services.memory(),
        "nodes": [n for n, m in lab.machines.items() if _is_running(m)],
        "containers": {n: _containers(lab, n) for n, m in lab.machines.items() if _has_engine(m)},
        "programs": {n: m.ask("background")["programs"] for n, m in lab.machines.items()},
        "windows": {name: _of_windows(system) for name, system in systems.items()},
    }


def wake(lab: Lab, services: Services, systems: Mapping[str, System], told: Mapping[str, Any]) -> None:
    """Bring a lab, whose files are laid out and whose daemons run, to what it remembers (`memory`).

    Raises:
        Refused: a daemon does not start, or a node does not come back.
    """
    lab.enrolled = told["enrolled"]["now"]
    for link in told["links"]:
        wanted = {k: link[k] for k in ("delay_ms", "loss_pct", "mtu", "udp", "cut")}
        nat = {"nat": link["nat"]} if link["nat"] else {}
        lab.wires.change(link["machine"], link["network"], wanted | nat)
    _all(lambda name: _settle(lab, name), lab.machines)
    for name, system in systems.items():
        _to_windows(system, told["windows"].get(name) or {})
    away = told["stopped"]
    # Engines take longest, and wait for nobody.
    steps: list[Callable[[], None]] = [
        *(lambda n=n, ids=ids: _start_containers(lab, n, ids) for n, ids in told["containers"].items()),
        *(lambda d=d: services.ask_for(d) for d in services.remembered(told["daemons"])),
        *(lambda n=n: _wait(lab, n) for n in told["nodes"] if n not in away),
    ]
    _all(lambda step: step(), steps)
    lab.note("daemons and containers are back")
    for name, programs in told["programs"].items():
        for program in programs:
            try:
                lab.machines[name].ask("again", program=program)
            except Refused as error:
                lab.note(f"{name}: {program['name']} was running, and does not start: {error.what}")
    for system in systems.values():
        if system.distribution.machine.name in told["stopped"]:
            system.distribution.stop()


def _is_running(machine: Any) -> bool:
    return (tailnet.status(machine) or {}).get("BackendState") == "Running"


def _has_engine(machine: Any) -> bool:
    return bool(machine.ask("alive", name=DOCKER)["alive"])


def _containers(lab: Lab, name: str) -> list[str]:
    """Containers that run, those whose network others live in first."""
    words = '{{.ID}} {{.Label "com.docker.compose.service"}}'
    said = lab.machines[name].ask("quiz", argv=["docker", "ps", "--no-trunc", "--format", words])["out"]
    lines = [line.split(" ") for line in said.splitlines()]
    return [line[0] for line in sorted(lines, key=lambda line: line[1:] != ["tailscale"])]


def _start_containers(lab: Lab, name: str, running: list[str]) -> None:
    machine = lab.machines[name]
    machine.ask("quiz", argv=["service", "docker", "start"])
    lab.note(f"{name}: its engine is back")
    if running:  # those that Docker woke by itself run already, which is no error
        said = machine.ask("quiz", argv=["sh", "-c", 'docker start "$@" 2>&1', "sh", *running], fine=[0, 1])
        failed = [line for line in said["out"].splitlines() if line not in running]
        lab.note(
            f"{name}: {len(running)} containers run again{': ' + '; '.join(failed)[:300] if failed else ''}"
        )


def _settle(lab: Lab, name: str) -> None:
    """What a machine's own files in /etc/sysctl.d say, which somebody sets at every start."""
    wanted = []
    for path in sorted((lab.folder / "ns" / name / "up" / SETTINGS).glob("*.conf")):
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
        wanted += ["".join(line.split()) for line in lines if line.startswith("net.")]
    if wanted:
        lab.machines[name].ask("quiz", argv=["sysctl", "-q", "-w", *wanted], fine=[0, 1, 255])


def _wait(lab: Lab, name: str) -> None:
    end = time.monotonic() + PATIENCE
    while not _is_running(lab.machines[name]):
        if time.monotonic() > end:
            now = (tailnet.status(lab.machines[name]) or {}).get("BackendState", "no answer")
            raise Refused(f"tailscaled did not come back within {PATIENCE:.0f} s; last seen: {now}", name)
        time.sleep(0.02)


def _of_windows(system: System) -> dict[str, Any]:
    return {
        "settings": system.settings.shown(),
        "client_starts": system.client_starts,
        "portproxy": [dataclasses.asdict(e) for e in system.proxy.entries],
        "rules": [dataclasses.asdict(r) for r in system.firewall.rules],
        "tasks": [dataclasses.asdict(t) for t in system.tasks.values()],
        "interop": system.distribution.interop,
    }


def _to_windows(system: System, told: Mapping[str, Any]) -> None:
    if not told:
        return
    system.change(told["settings"])
    system.client_starts = told["client_starts"]
    system.distribution.interop = told["interop"]
    for entry in told["portproxy"]:
        system.proxy.add(Entry(**entry))
    for rule in told["rules"]:
        system.firewall.add(Rule(**rule))
    for task in told["tasks"]:
        system.tasks[task["name"].lower()] = Task(**task)


def _all(do: Callable[[Any], object], of: Iterable[Any]) -> None:
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(do, of))


def read(folder: Path) -> dict[str, Any]:
    """What the lab saved in `folder` remembers."""
    found: dict[str, Any] = json.loads((folder / "memory.json").read_text())
    return found
