"""The status document."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from . import engine, tailnet
from .lab import Lab
from .services import Services

PATIENCE = 1.0  # seconds that an engine may take to say that it is there


def status(lab: Lab, services: Services) -> dict[str, Any]:
    """The status document."""
    told = _told(lab.folder / "lab.json")
    return {
        "schema": 1,
        "version": lab.config["version"],
        "tier": lab.config["tier"],
        "pid": told.get("pid"),
        "owner_pid": told.get("owner_pid"),
        "leased": bool(told.get("leased")),
        "state": str(lab.folder),
        "socket": str(lab.folder / "lab.sock"),
        "topology": lab.config["topology"],
        "enrolled": lab.enrolled,
        "tailnet": lab.blueprint["cloud"]["tailnet"] if lab.blueprint["cloud"] else None,
        "networks": {n: {"prefix": net["prefix"]} for n, net in lab.blueprint["networks"].items()},
        "machines": {name: _machine(lab, services, name, m) for name, m in lab.blueprint["machines"].items()},
        "links": [w.shown() for w in lab.wires.all],
        "broken": _told(lab.folder / "broken.json").get("shown"),  # on purpose, by whoever teaches with it
        "ca": str(Path(lab.config["built"]["ca"]) / "root.pem"),
    }


def _machine(lab: Lab, services: Services, name: str, machine: dict[str, Any]) -> dict[str, Any]:
    now = tailnet.status(lab.machines[name])
    addresses = (now or {}).get("TailscaleIPs") or []
    idle = "NotRunning" if services.has_client(name) else "none"
    state = now["BackendState"] if now else idle
    is_member = state == "Running" and not services.is_nobodys(name)
    wire_ = next((w for w in lab.wires.all if w.machine == name and w.nat), None)
    return {
        "addresses": {nic["network"]: nic["addresses"][0] for nic in machine["interfaces"]},
        "role": machine["role"],
        "about": machine["about"],
        "stand_in": machine["stand_in"],
        "tailscale": state,
        "tailnet_ip": next((a for a in addresses if "." in a), None) if is_member else None,
        "docker": _answers(f"/proc/{lab.machines[name].pid}/root{engine.SOCKET}"),
        "gateway": machine["gateway"],
        "nat": wire_.nat if wire_ else None,
        "services": services.running(name),
        "stopped": name in lab.stopped,
    }


def _answers(path: str) -> bool:
    """Whether an engine answers on a socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.connect(path)
            sock.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return sock.recv(64).split()[1:2] == [b"200"]
        except OSError:
            return False


def _told(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
