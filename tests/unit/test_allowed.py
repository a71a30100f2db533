"""Policies in, verdicts out: what grants and acls should let through."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.policy.allowed import Node, allowed

PHONE = Node("phone", "alice@example.com", "owner", addresses=("100.64.0.1",))
LAPTOP = Node("laptop", "alice@example.com", "owner", addresses=("100.64.0.2",))
BOB = Node("bobs", "bob@example.com", addresses=("100.64.0.3", "fd7a:115c:a1e0::3"))
WEB = Node("web", "alice@example.com", "owner", ("tag:web",), ("100.64.0.4",))
ROUTER = Node("router", "alice@example.com", "owner", ("tag:router",), ("100.64.0.5",), ("10.20.0.0/24",))
EXIT = Node("exit", "alice@example.com", "owner", (), ("100.64.0.6",), ("0.0.0.0/0", "::/0"))
CAROL = Node("carols", "carol@example.com", addresses=("100.64.0.7",), shared=True)
DB, SERVER = "10.20.0.50", "203.0.113.50"
NAMES = {
    "groups": {"group:friends": ["bob@example.com", "carol@example.com"]},
    "hosts": {"db": DB, "vpc": "10.20.0.0/24", "bobs": "100.64.0.3"},
}
ANY = ["*"]


def grant(src: Any, dst: Any, *ip: str, **more: Any) -> dict[str, Any]:
    return {"grants": [{"src": [src], "dst": [dst], "ip": list(ip) or ANY, **more}]}


def acl(src: str, dst: str, **more: Any) -> dict[str, Any]:
    return {"acls": [{"action": "accept", "src": [src], "dst": [dst], **more}]}


ALL = grant("*", "*")
CASES = [
    # policy, source, target, address, protocol, port, verdict
    ({}, PHONE, LAPTOP, "", "tcp", 22, False),
    ({"grants": []}, PHONE, LAPTOP, "", "tcp", 22, False),
    (ALL, BOB, WEB, "", "tcp", 22, True),
    (ALL, BOB, WEB, "", "icmp", 0, True),
    (ALL, BOB, ROUTER, DB, "tcp", 5432, True),
    (ALL, BOB, WEB, DB, "tcp", 5432, False),  # not behind it
    (ALL, PHONE, EXIT, SERVER, "tcp", 80, True),
    (ALL, CAROL, WEB, "", "tcp", 443, True),
    (grant("group:friends", "tag:web", "tcp:443"), BOB, WEB, "", "tcp", 443, True),
    (grant("group:friends", "tag:web", "tcp:443"), BOB, WEB, "", "tcp", 22, False),
    (grant("group:friends", "tag:web", "tcp:443"), BOB, WEB, "", "udp", 443, False),
    (grant("group:friends", "tag:web", "tcp:443"), BOB, WEB, "", "icmp", 0, True),
    (grant("group:friends", "tag:web", "tcp:443"), PHONE, WEB, "", "tcp", 443, False),
    (grant("group:friends", "tag:web", "tcp:443"), BOB, PHONE, "", "icmp", 0, False),
    (grant("bob@example.com", "tag:web", "80-90", "udp:53"), BOB, WEB, "", "tcp", 90, True),
    (grant("bob@example.com", "tag:web", "80-90", "udp:53"), BOB, WEB, "", "tcp", 91, False),
    (grant("bob@example.com", "tag:web", "80-90", "udp:53"), BOB, WEB, "", "udp", 53, True),
    (grant("bob@example.com", "tag:web", "17:53"), BOB, WEB, "", "udp", 53, True),
    (grant("tag:web", "alice@example.com"), WEB, PHONE, "", "tcp", 1, True),
    (grant("alice@example.com", "*"), WEB, PHONE, "", "tcp", 1, False),  # a tag takes the owner's place
    (grant("autogroup:member", "autogroup:member"), BOB, PHONE, "", "tcp", 1, True),
    (grant("autogroup:member", "autogroup:member"), BOB, WEB, "", "tcp", 1, False),
    (grant("autogroup:member", "autogroup:tagged"), BOB, WEB, "", "tcp", 1, True),
    (grant("autogroup:member", "*"), CAROL, WEB, "", "tcp", 1, False),
    (grant("autogroup:shared", "tag:web", "443"), CAROL, WEB, "", "tcp", 443, True),
    (grant("autogroup:shared", "tag:web", "443"), BOB, WEB, "", "tcp", 443, False),
    (grant("carol@example.com", "tag:web", "443"), CAROL, WEB, "", "tcp", 443, True),
    (grant("autogroup:owner", "*"), PHONE, BOB, "", "tcp", 1, True),
    (grant("autogroup:admin", "*"), PHONE, BOB, "", "tcp", 1, False),
    (grant("autogroup:member", "autogroup:self"), PHONE, LAPTOP, "", "tcp", 22, True),
    (grant("autogroup:member", "autogroup:self"), BOB, LAPTOP, "", "tcp", 22, False),
    (grant("autogroup:member", "autogroup:self"), PHONE, WEB, "", "tcp", 22, False),
    (grant("*", "autogroup:self"), WEB, ROUTER, "", "tcp", 22, False),
    (grant("bob@example.com", "db", "tcp:5432"), BOB, ROUTER, DB, "tcp", 5432, True),
    (grant("bob@example.com", "db", "tcp:5432"), BOB, ROUTER, "10.20.0.51", "tcp", 5432, False),
    (grant("bob@example.com", "db", "tcp:5432"), BOB, ROUTER, "", "tcp", 5432, False),
    (grant("bob@example.com", "vpc"), BOB, ROUTER, DB, "tcp", 1, True),
    (grant("bob@example.com", "10.0.0.0/8"), BOB, ROUTER, DB, "tcp", 1, True),
    (grant("bob@example.com", "tag:router"), BOB, ROUTER, DB, "tcp", 5432, False),
    (grant("bob@example.com", "tag:router"), BOB, ROUTER, "", "tcp", 22, True),
    (grant("bob@example.com", "autogroup:internet"), BOB, EXIT, SERVER, "tcp", 80, True),
    (grant("bob@example.com", "autogroup:internet"), BOB, EXIT, "192.168.1.1", "tcp", 80, False),
    (grant("bob@example.com", "autogroup:internet"), BOB, EXIT, "", "tcp", 22, False),
    (grant("bob@example.com", "autogroup:internet"), BOB, ROUTER, SERVER, "tcp", 80, False),
    (grant("bobs", "tag:web"), BOB, WEB, "", "tcp", 1, True),
    (grant("bobs", "tag:web"), PHONE, WEB, "", "tcp", 1, False),
    (grant("fd7a:115c:a1e0::/48", "tag:web"), BOB, WEB, "", "tcp", 1, True),
    (acl("group:friends", "tag:web:22,8000-8010", proto="tcp"), BOB, WEB, "", "tcp", 8005, True),
    (acl("group:friends", "tag:web:22,8000-8010", proto="tcp"), BOB, WEB, "", "udp", 22, False),
    (acl("group:friends", "tag:web:22"), BOB, WEB, "", "udp", 22, True),
    (acl("*", "*:*"), BOB, ROUTER, DB, "tcp", 5432, True),
    (acl("*", "*:*", proto="udp"), BOB, WEB, "", "tcp", 1, False),
    (acl("*", "[fd7a:115c:a1e0::3]:22"), PHONE, BOB, "fd7a:115c:a1e0::3", "tcp", 22, True),
    ({"acls": [{"action": "drop", "src": ANY, "dst": ["*:*"]}]}, BOB, WEB, "", "tcp", 1, False),
    (grant("*", "tag:web", srcPosture=["posture:ok"]), BOB, WEB, "", "tcp", 1, None),
    (grant("*", "tag:web", srcPosture=["posture:ok"]), BOB, PHONE, "", "tcp", 1, False),
    (grant("ipset:mine", "tag:web"), BOB, WEB, "", "tcp", 1, None),
    (grant("*", "svc:web"), BOB, WEB, "", "tcp", 1, None),
    ({"grants": [*grant("*", "ipset:x")["grants"], *ALL["grants"]]}, BOB, WEB, "", "tcp", 1, True),
    ({"grants": [{"src": ANY, "dst": ANY, "app": {"example.com/cap/x": []}}]}, BOB, WEB, "", "icmp", 0, False),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "source", "target", "address", "protocol", "port", "verdict"), CASES)
def test_verdicts(policy, source, target, address, protocol, port, verdict) -> None:
    assert allowed({**NAMES, **policy}, source, target, address, protocol, port) is verdict


def test_a_node_without_an_address_is_reached_by_nobody() -> None:
    assert allowed(ALL, PHONE, Node("new")) is False


@pytest.mark.parametrize(
    ("node", "kind"),
    [(PHONE, "alice@example.com"), (WEB, "tag:web"), (CAROL, "carol@example.com, another tailnet")],
)
def test_what_class_a_device_is_of(node, kind) -> None:
    assert node.kind == kind
