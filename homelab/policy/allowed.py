"""What a tailnet's policy should let through: its grants and acls, evaluated for one packet.

This says what *should* arrive; `homelab.reach` sends packets and sees what does. What cannot be told
from the policy's text (a device's posture, IP sets, ``via``) is answered None, never guessed.

Sources: https://tailscale.com/kb/1337/policy-syntax, https://tailscale.com/kb/1324/grants,
https://tailscale.com/kb/1396/targets; and for ping wgengine/filter/filter.go of the client: "if any port
is open to an IP, allow ICMP to it".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Literal

Protocol = Literal["tcp", "udp", "icmp"]
Verdict = bool | None
NUMBERS = {"icmp": ("1", "58"), "tcp": ("6",), "udp": ("17",)}
UNSURE = ("ipset:", "svc:", "user:*@")  # selectors that the text alone does not resolve
TAILNET = (ip_network("100.64.0.0/10"), ip_network("fd7a:115c:a1e0::/48"))


@dataclass(frozen=True)
class Node:
    """A device as a policy sees it: whose it is, or its tags; `routes` are those in use through it (CIDRs).

    `shared` means that it belongs to somebody of another tailnet, with whom a device is shared; `online`
    is whether it is connected now, which no policy asks.
    """

    name: str
    user: str = ""
    role: str = "member"
    tags: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    shared: bool = False
    online: bool = True

    @property
    def kind(self) -> str:
        """The class of devices that it belongs to: its tags, or its user."""
        return ", ".join(self.tags) or (f"{self.user}, another tailnet" if self.shared else self.user)


def allowed(
    policy: Mapping[str, Any],
    source: Node,
    target: Node,
    address: str = "",
    protocol: Protocol = "tcp",
    port: int = 0,
) -> Verdict:
    """Whether `policy` (its data) lets a packet of `source` through to `target`; None: the text cannot tell.

    `address` is where the packet goes: one of the target's own addresses (its first by default), or one
    behind it, in a network that it is the router of, or on the internet where it is the exit node.
    A policy without grants and acls lets nothing through; Tailscale's default has a rule that allows all.
    """
    to = address or next(iter(target.addresses), "")
    if not to:
        return False
    verdict: Verdict = False
    for sources, selector, ports, sure in _rules(policy):
        if not _open(ports, protocol, port):
            continue
        leads = _leads(policy, selector, target, to, source)
        comes = _any(policy, sources, source)
        if leads is False or comes is False:
            continue
        if leads and comes and sure:
            return True
        verdict = None
    return verdict


def _rules(policy: Mapping[str, Any]) -> Iterator[tuple[Sequence[str], str, list[str], bool]]:
    """Every rule once for each of its destinations: sources, destination, ``proto:ports``, and whether that is all of it."""
    for grant in policy.get("grants", ()):
        sure = not grant.get("srcPosture") and not grant.get("via")
        for selector in grant.get("dst", ()):
            yield grant.get("src", ()), selector, list(grant.get("ip", ())), sure
    for acl in policy.get("acls", ()):
        if acl.get("action") != "accept":
            continue
        proto = acl.get("proto", "")
        for target in acl.get("dst", ()):
            selector, _, ports = target.rpartition(":")
            specs = [f"{proto}:{p}" if proto else p for p in ports.split(",")]
            yield acl.get("src", ()), selector.strip("[]"), specs, not acl.get("srcPosture")


def _open(specs: Sequence[str], protocol: Protocol, port: int) -> bool:
    """Whether one of ``*``, ``443``, ``80-90``, ``tcp:443``, ``icmp:*`` covers it."""
    if protocol == "icmp":
        return bool(specs)  # the client asks for the addresses only
    for spec in specs:
        proto, colon, ports = spec.rpartition(":")
        if colon and proto not in (protocol, *NUMBERS[protocol]):
            continue
        low, dash, high = ports.partition("-")
        if ports == "*" or int(low) <= port <= int(high if dash else low):
            return True
    return False


def _any(policy: Mapping[str, Any], selectors: Sequence[str], node: Node) -> Verdict:
    """Whether one of `selectors` picks `node`."""
    found = {_picks(policy, selector, node) for selector in selectors}
    return True if True in found else None if None in found else False


def _picks(policy: Mapping[str, Any], selector: str, node: Node) -> Verdict:
    """Whether `selector` picks `node` for what it is."""
    if selector.startswith(UNSURE):
        return None
    if selector in ("*", "autogroup:danger-all"):
        return True
    if selector.startswith("tag:"):
        return selector in node.tags
    if selector.startswith("group:"):
        return not node.tags and node.user in policy.get("groups", {}).get(selector, ())
    if selector.startswith("autogroup:"):
        return _autogroup(selector.partition(":")[2], node)
    if "@" in selector:
        return not node.tags and node.user == selector
    network = _network(policy, selector)
    return None if network is None else any(ip_address(a) in network for a in node.addresses)


def _autogroup(name: str, node: Node) -> Verdict:
    if name == "tagged":
        return bool(node.tags)
    if name == "shared":
        return node.shared
    if name in ("internet", "self"):
        return False  # places, not properties of a device
    if node.tags or node.shared:
        return False
    return bool(node.user) if name in ("member", "members") else node.role == name


def _leads(policy: Mapping[str, Any], selector: str, node: Node, address: str, source: Node) -> Verdict:
    """Whether `selector` as a destination means `address` on `node`: its own, or one behind it."""
    own = address in node.addresses
    if selector == "autogroup:self":
        return own and not node.tags and not source.tags and not source.shared and node.user == source.user
    behind = not own and any(ip_address(address) in ip_network(route) for route in node.routes)
    if selector == "*":
        return own or behind
    if selector == "autogroup:internet":
        exit_node = any(ip_network(route).prefixlen == 0 for route in node.routes)
        return not own and exit_node and public(address)
    network = None if selector.startswith(UNSURE) else _network(policy, selector)
    if network is not None:
        return (own or behind) and ip_address(address) in network
    return own and _picks(policy, selector, node)


def _network(policy: Mapping[str, Any], selector: str) -> IPv4Network | IPv6Network | None:
    """The addresses that `selector` names: a host of the policy, an address, a CIDR; None for anything else."""
    try:
        return ip_network(policy.get("hosts", {}).get(selector, selector), strict=False)
    except ValueError:
        return None


def public(address: str) -> bool:
    """Whether `address` is on the internet; TEST-NET-3, the lab's internet, counts."""
    found = ip_address(address)
    documentation = found in ip_network("203.0.113.0/24")
    return documentation or (found.is_global and not any(found in network for network in TAILNET))
