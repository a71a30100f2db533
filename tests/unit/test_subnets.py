"""Networks as a subnet router may offer them, and whom they would hit."""

from __future__ import annotations

import json
from ipaddress import ip_network
from types import SimpleNamespace

import pytest

from homelab.errors import HomelabError
from homelab.machine import Result
from homelab.routing import subnets


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.20.0.0", "no CIDR: write a network with its length"),
        ("vpc", "no CIDR"),
        ("10.20.0.0/33", "no CIDR"),
        ("vpc/24", "no CIDR"),
        ("10.20.0.5/24", "bits set behind its length: did you mean 10.20.0.0/24?"),
        ("0.0.0.0/0", "makes an exit node"),
        ("::/0", "makes an exit node"),
        ("100.64.0.0/10", "the range of tailnets themselves"),
        ("100.0.0.0/8", "the range of tailnets themselves"),
    ],
)
def test_what_is_no_route(text, said) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        subnets.network(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ["10.20.0.0/24", "10.20.0.50/32", "fd00:1::/64", "fd7a:115c:a1e0:b1a:0:7:a14:0/120"]
)
def test_what_is_one(text) -> None:
    assert str(subnets.network(text)) == text


PHONE = {"phone": {"eth0": ip_network("192.168.88.0/24"), "eth1": ip_network("fd00:88::/64")}}


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (["10.20.0.0/24"], []),
        (["192.168.89.0/24", "fd00:89::/64"], []),
        (["192.168.88.0/24"], ["192.168.88.0/24 is the network that phone itself stands in (eth0)"]),
        (
            ["10.20.0.0/24", "192.168.0.0/16"],
            ["192.168.0.0/16 overlaps 192.168.88.0/24, the network that phone stands in (eth0)"],
        ),
        (
            ["192.168.88.128/25"],
            ["192.168.88.128/25 overlaps 192.168.88.0/24, the network that phone stands in (eth0)"],
        ),
        (["fd00:88::/64"], ["fd00:88::/64 is the network that phone itself stands in (eth1)"]),
    ],
)
def test_overlaps(routes, said) -> None:
    assert [str(o) for o in subnets.overlaps(map(ip_network, routes), PHONE)] == said


def answering(out: str, rc: int = 0):
    return SimpleNamespace(name="x", run=lambda argv: Result(tuple(argv), rc, out, "no such thing", 0.0))


DEVICES = [
    ("lo", [("127.0.0.1", 8, "host")]),
    ("eth0", [("192.168.88.10", 24, "global"), ("fe80::1", 64, "link")]),
    ("eth1", [("10.20.0.50", 24, "global"), ("10.20.0.53", 24, "global")]),
    ("wan0", [("203.0.113.9", 32, "global")]),
    ("tailscale0", [("100.64.0.7", 32, "global")]),
]
IP = json.dumps(
    [
        {"ifname": name, "addr_info": [{"local": a, "prefixlen": n, "scope": s} for a, n, s in addresses]}
        for name, addresses in DEVICES
    ]
)


def test_the_networks_of_a_machine() -> None:
    machine = answering(IP)
    assert {d: str(n) for d, n in subnets.of(machine).items()} == {
        "eth0": "192.168.88.0/24",
        "eth1": "10.20.0.0/24",
    }
    with pytest.raises(HomelabError, match="no such thing"):
        subnets.of(answering("", 1))


def test_4via6() -> None:
    """As `tailscale debug via` says; a component test asks it."""
    assert subnets.via(7, "10.20.0.0/24") == "fd7a:115c:a1e0:b1a:0:7:a14:0/120"
    assert subnets.via(0, "10.1.1.0/24") == "fd7a:115c:a1e0:b1a::a01:100/120"
    assert subnets.via(65535, "192.168.0.0/16") == "fd7a:115c:a1e0:b1a:0:ffff:c0a8:0/112"
    assert subnets.via_name(7, "10.20.0.50") == "10-20-0-50-via-7"
    with pytest.raises(ValueError, match="from 0 to 65535"):
        subnets.via(65536, "10.20.0.0/24")
