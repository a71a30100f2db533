"""The topology as the lab builds it: every name, number and address that follows from it, as plain data.

What follows from names does not depend on who was first, so outputs repeat from lab to lab.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .shapes import Machine, Topology

TAILSCALE_PORT = 41641
_PORTS = 2000


def draw(topology: Topology) -> dict[str, Any]:
    """The blueprint of `topology`: plain data that fits JSON."""
    bridges = {name: f"br{n}" for n, name in enumerate(topology.networks)}
    ports = udp_ports([n for n, m in topology.machines.items() if m.tailscale != "none"])
    return {
        "networks": {
            name: {
                "prefix": str(net.prefix),
                "public": net.public,
                "bridge": bridges[name],
                "router": f"{next(net.prefix.hosts())}/{net.prefix.prefixlen}" if net.public else None,
            }
            for name, net in topology.networks.items()
        },
        "machines": {
            name: _machine(topology, n, name, machine) | {"udp_port": ports.get(name)}
            for n, (name, machine) in enumerate(topology.machines.items())
        },
        "cloud": topology.cloud.model_dump(mode="json") if topology.cloud else None,
    }


def _machine(topology: Topology, number: int, name: str, machine: Machine) -> dict[str, Any]:
    interfaces = []
    for n, (network, address) in enumerate(machine.addresses.items()):
        length = topology.networks[network].prefix.prefixlen
        if topology.cloud and name in topology.cloud.exits and topology.networks[network].public:
            # An exit node carries nobody into the network it stands in, and here that is the whole internet.
            length = 32
        interfaces.append(
            {
                "network": network,
                "name": f"eth{n}",
                "port": f"m{number}p{n}",
                "mac": mac(name, network),
                "addresses": [f"{a}/{length}" for a in (address, *machine.also.get(network, ()))],
            }
        )
    gateway, upstream = _way_out(topology, machine)
    return {
        "hostname": name.replace("_", "-"),
        "role": machine.role,
        "about": machine.about,
        "stand_in": machine.stand_in,
        "interfaces": interfaces,
        "gateway": gateway,
        "upstream": next((i["name"] for i in interfaces if i["network"] == upstream), None),
        "forwards": len(interfaces) > 1 or bool(topology.cloud and name in topology.cloud.exits),
        "nat": machine.nat,
        "tailscale": machine.tailscale,
        "docker": machine.docker,
        "room": machine.room,
        "disks": machine.disks,
        "runbook": machine.runbook,
        "database": machine.database,
        "names": machine.names.model_dump(mode="json") if machine.names else None,
        "windows": machine.windows.model_dump() if machine.windows else None,
    }


def _way_out(topology: Topology, machine: Machine) -> tuple[str | None, str | None]:
    """The next hop's address and the network that it is on."""
    for network in machine.addresses:
        if topology.networks[network].public:
            return str(next(topology.networks[network].prefix.hosts())), network
    if machine.gateway:
        router = topology.machines[machine.gateway]
        network = next(n for n in machine.addresses if n in router.addresses)
        return str(router.addresses[network]), network
    return None, None


def mac(machine: str, network: str) -> str:
    """A locally administered hardware address that follows from the names."""
    low = zlib.crc32(f"{machine} {network}".encode())
    return "02:1a:" + ":".join(f"{low >> shift & 255:02x}" for shift in (24, 16, 8, 0))


def udp_ports(names: list[str]) -> dict[str, int]:
    """A UDP port of its own for each tailscaled: two on one port behind one NAT lose the direct path."""
    ports: dict[str, int] = {}
    for name in sorted(names):
        port = zlib.crc32(name.encode()) % _PORTS
        while port in ports.values():
            port = (port + 1) % _PORTS
        ports[name] = port
    return {name: TAILSCALE_PORT + port for name, port in ports.items()}
