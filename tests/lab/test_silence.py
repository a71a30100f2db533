"""Nothing of a lab reaches the world outside: the host's interfaces are listened to for a lab's whole life."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest
from conftest import Lab, wait_for

ETH_P_ALL = 3
LAB_MAC = b"\x02\x1a"
TAILNET = IPv4Network("100.64.0.0/10")
# Names that only a lab's programs ask for here.
NAMES = (b"controlplane", b"tailscale", b"derp", b"letsencrypt", b"ts\x03net", b"\x03lab\x00", b"whatismyip")
Call = Callable[..., subprocess.CompletedProcess[str]]


class Ear:
    """Hears every frame on every interface of this network namespace."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                frame, (interface, *_) = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            self.heard.append((interface, frame))

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    if os.geteuid():
        pytest.skip("only root may listen to the host's interfaces")
    made = Ear()
    yield made
    made.close()


def of_the_lab(frame: bytes, prefixes: list[IPv4Network]) -> bool:
    """Whether a frame is one of the lab's: by hardware address, by address, or by a name asked for."""
    if LAB_MAC in (frame[0:2], frame[6:8]):
        return True
    if frame[12:14] != b"\x08\x00":
        return False
    ends = [IPv4Address(frame[26:30]), IPv4Address(frame[30:34])]
    if any(end in prefix for end in ends for prefix in prefixes):
        return True
    header = 14 + (frame[14] & 15) * 4
    is_dns = frame[23] == 17 and b"\x00\x35" in (frame[header : header + 2], frame[header + 2 : header + 4])
    return is_dns and any(name in frame.lower() for name in NAMES)


def test_no_packet_of_a_lab_is_heard_outside(call: Call, ear: Ear) -> None:
    # The ear works: it hears a packet of our own, and would know one of the lab's.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"can you hear me", ("127.0.0.1", 9))
    wait_for("the ear to hear", lambda: any(b"can you hear me" in frame for _, frame in ear.heard))
    assert of_the_lab(b"\x02\x1a" + bytes(60), [])

    assert call("up", "--enrolled").returncode == 0
    status = json.loads(call("status", "--json").stdout)
    prefixes = [IPv4Network(n["prefix"]) for n in status["networks"].values()] + [TAILNET]
    # Busy ways to get out: names that nobody answers, real addresses, a cloud that is gone, tailscaled's own probes.
    call("exec", "phone", "--", "tailscale", "netcheck")
    call("exec", "visitor", "--", "curl", "-m", "1", "https://example.com")
    for address in ("1.1.1.1", "8.8.8.8", "192.200.0.101"):
        done = call("exec", "tequila", "--", "ping", "-c1", "-W1", address)
        assert done.returncode != 0
    for name in ("cloud", "dns"):
        call_stop(status["socket"], "cloud", name)
    call(
        "exec",
        "phone",
        "--",
        "tailscale",
        "up",
        "--force-reauth",
        "--auth-key=tskey-auth-lab",
        "--timeout=2s",
    )
    assert call("down").returncode == 0
    found = [(interface, frame[:80].hex()) for interface, frame in ear.heard if of_the_lab(frame, prefixes)]
    assert not found


def call_stop(path: str, machine: str, name: str) -> None:
    Lab(path).ask("stop", machine=machine, name=name, signal=9)


def test_the_internets_router_has_no_route_out(lab: Lab) -> None:
    said = lab.says("visitor", "ip", "route", "get", "1.1.1.1")
    assert "via 203.0.113.1 " in said
    done = lab.run("visitor", "ping", "-c1", "-W2", "1.1.1.1")
    assert "From 203.0.113.1 icmp_seq=1 Destination Net Unreachable" in done.stdout
    if os.geteuid():
        return  # an ordinary user cannot look into the lab's own network namespace
    # In the lab's own network namespace, where the networks' bridges are, nothing leads anywhere else.
    pid = lab.ask("status")["pid"]
    routes = subprocess.run(
        ["nsenter", "-t", str(pid), "-n", "ip", "route"], capture_output=True, text=True
    ).stdout
    assert routes.split()[:3] == ["203.0.113.0/24", "dev", "br0"]
    assert len(routes.splitlines()) == 1
    links = subprocess.run(
        ["nsenter", "-t", str(pid), "-n", "ip", "-br", "link"], capture_output=True, text=True
    )
    assert all(line.startswith(("lo ", "br", "m")) for line in links.stdout.splitlines())
