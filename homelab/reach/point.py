"""A vantage point of the reach matrix: which node it is, where places are for it, and what the policy says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from homelab.lab_machine import LabMachine
from homelab.machine import Machine
from homelab.policy.allowed import Node, Verdict, allowed, public
from homelab.policy.nodes import exit_node, itself, seen_peers
from homelab.resources.tailscale_status import prefs, status
from homelab.vantage import Nobody


@dataclass(frozen=True)
class Point:
    """A machine, its `node` in a tailnet (None: in none), and whether it takes routes from others."""

    machine: Machine
    node: Node | None = None
    takes_routes: bool = False
    peers: Mapping[str, str] = field(default_factory=dict)
    leaves_by: Node | None = None

    @property
    def name(self) -> str:
        """The machine's."""
        return self.machine.name

    @property
    def there(self) -> bool:
        """Whether the world has it."""
        return not isinstance(self.machine, Nobody)

    @property
    def kind(self) -> str:
        """The class of devices that it stands for, in words."""
        if isinstance(self.machine, Nobody):
            return self.machine.why
        return self.node.kind if self.node else "no Tailscale"

    def address(self, name: str, known: Sequence[Node], machine: Machine | None) -> str:
        """Where packets to `name` go from here: its address in the tailnet, or the machine's own; empty: unknown."""
        if name in self.peers:
            return self.peers[name]
        for node in known:
            if node.name == name and node.addresses:
                return node.addresses[0]
        if isinstance(machine, LabMachine):
            return next(iter(machine.addresses.values())).partition("/")[0]
        return name if "." in name or ":" in name else ""

    def should(self, policy: Mapping[str, Any], known: Sequence[Node], address: str, port: int) -> Verdict:
        """What `policy` says of a packet from here.

        None where it is not the tailnet that carries it, or where who should answer is not connected.
        """
        device = next((n for n in known if address in n.addresses), None)
        if self.node is None:
            return False if device else None
        if device:
            if self.node.shared and address not in self.peers.values():
                return False  # of another tailnet, and not shared with its user
            return self._allowed(policy, device, address, port)
        try:
            where = ip_address(address)
        except ValueError:
            return None  # a public name
        routers = [n for n in known for r in n.routes if ip_network(r).prefixlen and where in ip_network(r)]
        if routers:
            if self.node in routers or not self.takes_routes:
                return None  # it goes there by itself, or not by the tailnet's way
            found = {self._allowed(policy, router, address, port) for router in routers}
            return True if True in found else None if None in found else False
        if self.leaves_by and public(address):
            return self._allowed(policy, self.leaves_by, address, port)
        return None

    def _allowed(self, policy: Mapping[str, Any], target: Node, address: str, port: int) -> Verdict:
        assert self.node is not None  # who asks has looked
        verdict = allowed(policy, self.node, target, address, "tcp" if port else "icmp", port)
        return verdict if target.online or not verdict else None


def look(machine: Machine, known: Sequence[Node]) -> Point:
    """Ask the machine's tailscale which of the `known` nodes it is.

    Raises:
        HomelabError: tailscale answers something else than a status.
    """
    if isinstance(machine, Nobody):
        return Point(machine)
    found = status(machine)
    node = itself(found, known)
    if node is None:
        return Point(machine)
    takes = bool(prefs(machine).get("RouteAll"))
    return Point(machine, node, takes, seen_peers(found), exit_node(found, known))
