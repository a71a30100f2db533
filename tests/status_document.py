"""A lab's status document without a lab: the topology that we ship, in the form that the lab reports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

LAB = Path(__file__).resolve().parents[1] / "params" / "lab.yaml"


def of(topology: dict[str, Any] | None = None) -> dict[str, Any]:
    """The document of `topology`, the shipped one by default; every link is sound, nobody is logged in."""
    given = topology or yaml.safe_load(LAB.read_text())["topology"]
    lengths = {name: net["prefix"].partition("/")[2] for name, net in given["networks"].items()}
    return {
        "schema": 1,
        "tier": "root",
        "networks": {name: {"prefix": net["prefix"]} for name, net in given["networks"].items()},
        "machines": {
            name: {
                "addresses": {n: f"{a}/{lengths[n]}" for n, a in m["addresses"].items()},
                "role": m["role"],
                "about": m.get("about", ""),
                "stand_in": m.get("stand_in"),
                "tailscale": "NeedsLogin" if m.get("tailscale") == "installed" else "none",
                "tailnet_ip": None,
                "docker": False,
                "gateway": _next_hop(given, m),
                "nat": m.get("nat"),
            }
            for name, m in given["machines"].items()
        },
        "links": [
            {
                "machine": name, "network": n, "delay_ms": 0, "loss_pct": 0, "mtu": 1500, "udp": "pass",
                "nat": m.get("nat"), "cut": False,
            }
            for name, m in given["machines"].items()
            for n in m["addresses"]
        ],
    }  # fmt: skip


def _next_hop(topology: dict[str, Any], machine: dict[str, Any]) -> str | None:
    """The gateway's address on the network that the machine shares with it, as the lab says it."""
    if not machine.get("gateway"):
        return None
    theirs = topology["machines"][machine["gateway"]]["addresses"]
    return str(next(theirs[n] for n in machine["addresses"] if n in theirs))


def link(status: dict[str, Any], machine: str, network: str) -> dict[str, Any]:
    """The link of `machine` to `network` in `status`, to be changed."""
    return next(k for k in status["links"] if (k["machine"], k["network"]) == (machine, network))
