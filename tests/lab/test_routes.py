"""Ways out and ways in: exit nodes, own and rented; subnet routers, and what happens when one goes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Lab, wait_for

VPC = "10.20.0.0/24"
DB = "http://10.20.0.50:8080/"
MY_IP = "http://whatismyip.lab/"
FLAT, HOME, SWEDEN = "203.0.113.20", "203.0.113.10", "203.0.113.90"
NAMES = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.20.0.50", 53))
while True:
    q, who = s.recvfrom(512)
    end = q.index(0, 12) + 5
    a = bytes.fromhex("c00c000100010000000a0004") + bytes([10, 20, 0, 50]) if q[end - 3] == 1 else b""
    s.sendto(q[:2] + bytes.fromhex("8580") + q[4:6] + bytes([0, bool(a)]) + bytes(4) + q[12:end] + a, who)
"""


def phone(own: Lab, *argv: str) -> str:
    return own.says("phone", "tailscale", *argv)


def my_ip(own: Lab) -> str:
    return own.run("phone", "curl", "-sS", "-m", "5", MY_IP).stdout.strip()


def device(own: Lab, name: str) -> dict[str, Any]:
    devices = own.api("GET", "tailnet/-/devices")[1]["devices"]
    return dict(next(d for d in devices if d["hostname"] == name))


def approve(own: Lab, name: str, *routes: str) -> None:
    wait_for("the offer", lambda: set(routes) <= set(device(own, name)["advertisedRoutes"]))
    code, answer = own.api("POST", f"device/{device(own, name)['nodeId']}/routes", {"routes": list(routes)})
    assert (code, answer["enabledRoutes"]) == (200, list(routes))


@pytest.fixture(scope="module", autouse=True)
def ways(own: Lab) -> None:
    own.policy(
        autoApprovers={"routes": {VPC: ["alice@example.com"]}},
        nodeAttrs=[{"target": ["alice@example.com"], "attr": ["mullvad"]}],
    )
    own.says("db", "sh", "-c", "python3 -u -m http.server 8080 >/tmp/web.log 2>&1 &")
    own.says("tequila", "sysctl", "-w", "net.ipv4.ip_forward=1")
    own.says("tequila", "tailscale", "set", "--advertise-exit-node")
    approve(own, "tequila", "0.0.0.0/0", "::/0")


@pytest.fixture
def routers(own: Lab) -> Iterator[None]:
    for name in ("router", "router2"):
        own.ask("start", machine=name, name="tailscaled")
        own.says(name, "tailscale", "set", f"--advertise-routes={VPC}")
    phone(own, "set", "--accept-routes")
    wait_for("the database", lambda: reached(own))
    yield
    for name in ("router", "router2"):
        own.ask("start", machine=name, name="tailscaled")


def reached(own: Lab) -> bool:
    return own.run("phone", "curl", "-sS", "-m", "0.5", "-o", "/dev/null", DB).returncode == 0


def primary(own: Lab) -> str:
    peers = json.loads(phone(own, "status", "--json"))["Peer"].values()
    return next((p["HostName"] for p in peers if VPC in (p.get("PrimaryRoutes") or [])), "")


def outage(own: Lab, go: Any) -> float:
    """Seconds from `go` until the database answers by another router."""
    before = wait_for("a primary router", lambda: primary(own))
    start = time.monotonic()
    go(before)
    wait_for("the other router", lambda: primary(own) not in ("", before), 30)
    wait_for("the database by the other", lambda: reached(own))
    return time.monotonic() - start


def test_one_router_killed(own: Lab, routers: None) -> None:
    took = outage(own, lambda name: own.ask("stop", machine=name, name="tailscaled", signal=9))
    print(f"killed: {took:.2f} s")
    assert took < 10


@pytest.mark.nightly
def test_one_router_cut_off(own: Lab, routers: None) -> None:
    """Nobody says goodbye: the cloud asks after 10 s, and waits 5."""
    cut: list[str] = []

    def go(name: str) -> None:
        cut.append(name)
        own.ask("link", machine=name, network="internet", set={"cut": True})

    took = outage(own, go)
    own.ask("link", machine=cut[0], network="internet", reset=True)
    print(f"cut off: {took:.2f} s")
    assert took < 25


def test_one_network_by_two_routers(own: Lab, routers: None) -> None:
    """Both offer it and both are approved; one carries it, and translates: the database sees the router."""
    assert all(VPC in device(own, name)["enabledRoutes"] for name in ("router", "router2"))
    peers = json.loads(phone(own, "status", "--json"))["Peer"].values()
    carriers = [p["HostName"] for p in peers if VPC in (p.get("AllowedIPs") or [])]
    assert len(carriers) == 1
    own.says("phone", "curl", "-sS", "-o", "/dev/null", f"{DB}?who")
    visit = next(x for x in own.says("db", "cat", "/tmp/web.log").splitlines() if "?who" in x)
    assert visit.split()[0] == {"router": "10.20.0.1", "router2": "10.20.0.2"}[carriers[0]]


def test_split_dns(own: Lab, routers: None) -> None:
    names = own.background("db", "python3", "-c", NAMES)
    code, answer = own.api("PATCH", "tailnet/-/dns/split-dns", {"vpc.internal": ["10.20.0.50"]})
    assert code == 200, answer
    found = wait_for(
        "the VPC's own name",
        lambda: own.run("phone", "getent", "ahostsv4", "db.vpc.internal").stdout.split()[:1],
    )
    assert found == ["10.20.0.50"], names.said()
    own.api("PATCH", "tailnet/-/dns/split-dns", {"vpc.internal": None})


def test_exit_node(own: Lab) -> None:
    assert my_ip(own) == FLAT
    assert "tequila" in phone(own, "exit-node", "list")
    assert "tequila" in wait_for("a suggestion", lambda: phone(own, "exit-node", "suggest"))
    phone(own, "set", "--exit-node=tequila")
    wait_for("the way through the home", lambda: my_ip(own) == HOME)
    lan = ("phone", "curl", "-sS", "-m", "2", "http://192.168.88.1/")
    assert own.run(*lan).returncode == 28, "the LAN is not reached"
    phone(own, "set", "--exit-node-allow-lan-access")
    wait_for("the LAN (nobody listens there)", lambda: own.run(*lan).returncode == 7)
    phone(own, "set", "--exit-node=", "--exit-node-allow-lan-access=false")
    wait_for("the way of the flat", lambda: my_ip(own) == FLAT)


def test_dns_goes_with_it(own: Lab) -> None:
    count = ["FORWARD", "-p", "udp", "--dport", "53"]
    own.says("flat_router", "iptables", "-w", "-I", *count)

    def seen() -> int:
        lines = own.says("flat_router", "iptables", "-w", "-nvxL", "FORWARD").splitlines()
        return int(next(line for line in lines if "udp dpt:53" in line).split()[0])

    ask = ("phone", "getent", "hosts", "visitor.lab")
    own.says(*ask)
    wait_for("the flat's router to see a question", lambda: seen() > 0)
    phone(own, "set", "--exit-node=tequila")
    wait_for("the way through the home", lambda: my_ip(own) == HOME)
    before = seen()
    assert own.says(*ask).split()[0] == "203.0.113.50"
    assert seen() == before, "a question went out beside the exit node"
    phone(own, "set", "--exit-node=")
    own.says("flat_router", "iptables", "-w", "-D", *count)


def test_rented_exit_node(own: Lab) -> None:
    own.ask("start", machine="se_sto_wg_001", name="tailscaled")
    listed = wait_for(
        "the rented one in the list",
        lambda: "se-sto-wg-001.mullvad.ts.net" in (text := phone(own, "exit-node", "list")) and text,
    )
    line = next(x for x in listed.splitlines() if "se-sto" in x)
    assert "Sweden" in line
    assert "Stockholm" in line
    assert "se-sto" not in json.dumps(own.api("GET", "tailnet/-/devices")[1])
    phone(own, "set", "--exit-node=se-sto-wg-001.mullvad.ts.net")
    wait_for("the way through Sweden", lambda: my_ip(own) == SWEDEN)
    phone(own, "set", "--exit-node=")
    own.policy(autoApprovers={"routes": {VPC: ["alice@example.com"]}})
    wait_for("it to go with the attribute", lambda: "se-sto" not in phone(own, "exit-node", "list"))
    own.ask("stop", machine="se_sto_wg_001", name="tailscaled")
