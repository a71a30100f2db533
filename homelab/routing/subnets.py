"""Networks behind a subnet router: what may be offered, whom it would hit, and the way out of a conflict.

A route that is accepted outranks the network that a machine stands in. Where both have the same
range, the machine loses its printer to somebody's cloud.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

from homelab.errors import HomelabError
from homelab.machine import Machine

Network = IPv4Network | IPv6Network
TAILNET = (IPv4Network("100.64.0.0/10"), IPv6Network("fd7a:115c:a1e0::/48"))
VIA = int(IPv6Address("fd7a:115c:a1e0:b1a::"))  # https://tailscale.com/kb/1201/4via6-subnets
HIGHEST_SITE = 65535


def network(text: str) -> Network:
    """`text` as a network that a subnet router may offer.

    Raises:
        ValueError: it is no CIDR, has bits behind its length, is everything (which is an exit
            node's offer), or overlaps the tailnets' own range.
    """
    if "/" not in text:
        raise ValueError(f"{text!r} is no CIDR: write a network with its length, such as 10.20.0.0/24")
    try:
        found = ip_network(text)
    except ValueError as error:
        try:
            meant = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is no CIDR such as 10.20.0.0/24") from error
        raise ValueError(f"{text} has bits set behind its length: did you mean {meant}?") from error
    if found.prefixlen == 0:
        raise ValueError(
            f"{text} is everything there is: that makes an exit node (chapter 06), not a subnet router"
        )
    if found.version == 4 and any(_overlap(found, own) for own in TAILNET):
        raise ValueError(f"{text} overlaps {TAILNET[0]}, the range of tailnets themselves")
    return found


def _overlap(one: Network, other: Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


@dataclass(frozen=True)
class Overlap:
    """A `route` that covers part of the network `own` of `machine`, which it has on `device`."""

    route: Network
    machine: str
    device: str
    own: Network

    def __str__(self) -> str:
        if self.route == self.own:
            return f"{self.route} is the network that {self.machine} itself stands in ({self.device})"
        return f"{self.route} overlaps {self.own}, the network that {self.machine} stands in ({self.device})"


def overlaps(routes: Iterable[Network], machines: Mapping[str, Mapping[str, Network]]) -> list[Overlap]:
    """Where `routes` would take something from `machines`, whose own networks are given by device."""
    return [
        Overlap(route, machine, device, own)
        for route in routes
        for machine, networks in machines.items()
        for device, own in networks.items()
        if _overlap(route, own)
    ]


def contained(routes: Sequence[str]) -> list[tuple[str, str]]:
    """Those of `routes` (CIDRs) that lie in another one of them, each with that other."""
    pairs = [(one, other) for one in routes for other in routes if one != other]
    return [
        (one, other) for one, other in pairs if holds(other, one.partition("/")[0]) and _longer(one, other)
    ]


def _longer(one: str, other: str) -> bool:
    return ip_network(one).prefixlen > ip_network(other).prefixlen


def of(machine: Machine) -> dict[str, Network]:
    """The networks that a Linux machine stands in, by network device; the tailnet is none of them.

    Raises:
        HomelabError: it has no ``ip``.
    """
    return {
        device: own.network
        for device, own in reversed(_interfaces(machine))
        if own.network.prefixlen < own.max_prefixlen
    }


def holds(route: str, address: str) -> bool:
    """Whether `address` is in the network `route`."""
    return ip_address(address) in ip_network(route)


def _interfaces(machine: Machine) -> list[tuple[str, IPv4Interface | IPv6Interface]]:
    """Device and address, each, without the tailnet's and those that only the machine itself or its wire knows."""
    done = machine.run(["ip", "-json", "address", "show", "up"])
    if not done:
        raise HomelabError(f"ip does not say: {done.err.strip()}", machine.name, "is it Linux?")
    return [
        (device["ifname"], ip_interface(f"{address['local']}/{address['prefixlen']}"))
        for device in json.loads(done.out or "[]")
        if not device["ifname"].startswith("tailscale")
        for address in device.get("addr_info", [])
        if address.get("scope") == "global"
    ]


def via(site: int, route: str) -> str:
    """The IPv6 network that stands for the IPv4 network `route` at `site`, as ``tailscale debug via`` tells it.

    Raises:
        ValueError: no such site, or no IPv4 network.
    """
    if not 0 <= site <= HIGHEST_SITE:
        raise ValueError(f"a site is a number from 0 to {HIGHEST_SITE}, not {site}")
    inner = IPv4Network(route)
    number = VIA | site << 32 | int(inner.network_address)
    return str(IPv6Network((number, 96 + inner.prefixlen)))


def via_name(site: int, address: str) -> str:
    """The name by which MagicDNS knows `address` at `site`: ``10-20-0-50-via-7``."""
    return f"{address.replace('.', '-')}-via-{site}"
