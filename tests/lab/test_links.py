"""The verbs on a wire, each seen from a machine that it concerns; every test mends what it broke."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Lab, wait_for

from homelab import labsocket
from homelab.errors import LabError

VISITOR = "203.0.113.50"
MENDED = {"delay_ms": 0, "loss_pct": 0, "mtu": 1500, "udp": "pass", "cut": False}
Link = Callable[..., dict[str, Any]]


@pytest.fixture
def link(lab: Lab) -> Iterator[Link]:
    """Change a link; it is mended when the test is over."""
    touched: list[tuple[str, str | None]] = []

    def change(machine: str, network: str | None = None, **wanted: Any) -> dict[str, Any]:
        touched.append((machine, network))
        return dict(lab.ask("link", machine=machine, network=network, set=wanted)["link"])

    yield change
    for machine, network in touched:
        now = lab.ask("link", machine=machine, network=network, set=MENDED)["link"]
        if now["nat"]:
            lab.ask("link", machine=machine, network=network, set={"nat": "cone"})


def rtt(lab: Lab, machine: str, to: str) -> float:
    """Smallest of three round trips, in milliseconds."""
    said = lab.says(machine, "ping", "-c3", "-i0.05", "-q", to)
    found = re.search(r"= ([\d.]+)/", said)
    assert found, said
    return float(found[1])


def test_delay_counts_each_way(lab: Lab, link: Link) -> None:
    assert rtt(lab, "phone", VISITOR) < 20
    assert link("phone", delay_ms=40)["delay_ms"] == 40
    assert 80 <= rtt(lab, "phone", VISITOR) < 120
    link("phone", delay_ms=10)
    assert 20 <= rtt(lab, "phone", VISITOR) < 60
    link("phone", delay_ms=0)
    assert rtt(lab, "phone", VISITOR) < 20


def test_a_slow_link_carries_whole_files(lab: Lab, link: Link) -> None:
    link("iot", delay_ms=5)
    lab.says("visitor", "sh", "-c", "head -c 3000000 /dev/urandom >/srv/file")
    lab.ask(
        "start", machine="visitor", name="web", argv=["python3", "-m", "http.server", "-d", "/srv", "8000"]
    )
    wait_for(
        "the server",
        lambda: lab.run("visitor", "curl", "-so", "/dev/null", VISITOR + ":8000").returncode == 0,
    )
    got = lab.says("iot", "sh", "-c", f"curl -sS http://{VISITOR}:8000/file | sha256sum")
    assert got == lab.says("visitor", "sh", "-c", "sha256sum </srv/file")
    lab.ask("stop", machine="visitor", name="web")


def test_loss_loses_some(lab: Lab, link: Link) -> None:
    link("iot", loss_pct=40)
    said = lab.run("iot", "ping", "-c60", "-i0.01", "-W1", "-q", VISITOR).stdout
    lost = int(re.search(r"(\d+)(?:\.\d+)?% packet loss", said)[1])  # type: ignore[index]
    assert 35 <= lost <= 92, said  # 64 % of round trips are expected
    link("iot", loss_pct=0)
    assert " 0% packet loss" in lab.says("iot", "ping", "-c10", "-i0.01", "-q", VISITOR)


def test_mtu_lets_no_larger_packet_through(lab: Lab, link: Link) -> None:
    large = ["ping", "-c1", "-W1", "-M", "do", "-s", "1400", VISITOR]
    lab.says("iot", *large)
    assert link("iot", mtu=1280)["mtu"] == 1280
    assert "message too long" in lab.run("iot", *large).stderr
    lab.says("iot", "ping", "-c1", "-W1", "-M", "do", "-s", "1200", VISITOR)
    assert lab.run("visitor", "ping", "-c1", "-W1", "-s", "1400", "203.0.113.20").returncode != 0


@pytest.mark.nightly
def test_blocking_udp_leaves_tcp_and_names(lab: Lab, link: Link) -> None:
    assert "via 203.0.113." in _until_direct(lab)
    link("flat_router", udp="block")
    assert lab.says("phone", "curl", "-sS", "https://whatismyip.lab") == "203.0.113.20"
    wait_for("the relay", lambda: "DERP" in _ping(lab), 20)
    link("flat_router", udp="pass")
    assert "via 203.0.113." in _until_direct(lab)


@pytest.mark.nightly
def test_symmetric_nat_at_both_ends_keeps_to_the_relay(lab: Lab, link: Link) -> None:
    assert "via 203.0.113." in _until_direct(lab)
    for router in ("flat_router", "home_router"):
        assert link(router, nat="symmetric")["nat"] == "symmetric"
    wait_for("the relay", lambda: "DERP" in _ping(lab), 20)
    varies = json.loads(lab.says("phone", "tailscale", "netcheck", "--format=json"))["MappingVariesByDestIP"]
    assert varies is True
    for router in ("flat_router", "home_router"):
        link(router, nat="cone")
    assert "via 203.0.113." in _until_direct(lab)


def _ping(lab: Lab) -> str:
    return lab.run("phone", "tailscale", "ping", "--c=1", "--timeout=1s", "tequila").stdout


def _until_direct(lab: Lab) -> str:
    """Pings until the path is direct (20 pings at most); what they say."""
    return lab.run("phone", "tailscale", "ping", "--c=20", "--timeout=1s", "tequila").stdout


def test_a_cut_link_carries_nothing_until_it_is_mended(lab: Lab, link: Link) -> None:
    assert link("iot", cut=True)["cut"] is True
    assert "NO-CARRIER" in lab.says("iot", "ip", "link", "show", "eth0")
    assert lab.run("iot", "ping", "-c1", "-W1", "192.168.77.1").returncode != 0
    link("iot", cut=False)
    wait_for("an answer", lambda: lab.run("iot", "ping", "-c1", "-W1", "192.168.77.1").returncode == 0)


def test_a_router_drops_what_nobody_asked_for(lab: Lab) -> None:
    lab.ask("start", machine="windows", name="web", argv=["python3", "-m", "http.server", "8000"])
    wait_for(
        "the server", lambda: lab.run("windows", "curl", "-so", "/dev/null", "127.0.0.1:8000").returncode == 0
    )
    for address in ("203.0.113.10", "192.168.77.20"):
        request = {"op": "socket", "machine": "visitor" if address.startswith("203") else "iot"}
        with labsocket.ask(lab.socket, request) as connection:
            connection.answer()
            with socket.socket(fileno=connection.fds.pop()) as sock:
                sock.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    sock.connect((address, 8000))
    lab.ask("stop", machine="windows", name="web")


def test_the_status_shows_what_was_done_and_the_command_line_does_it(lab: Lab, link: Link) -> None:
    link("db")
    done = lab.cli("link", "db", "--delay", "20", "--mtu", "1400")
    assert done.stdout == "db – vpc: delay 20 ms each way, loss 0 %, MTU 1400\n"
    links = {(w["machine"], w["network"]): w for w in lab.ask("status")["links"]}
    assert links["db", "vpc"]["delay_ms"] == 20
    assert "db – vpc: delay 20 ms" in lab.cli("status").stdout
    assert lab.cli("link", "db", "--cut").stdout == "db – vpc: cut\n"
    assert "MTU 1400" in lab.cli("link", "db", "--mend").stdout


def test_a_reset_link_is_as_it_was_laid(lab: Lab, link: Link) -> None:
    laid = link("flat_router")
    link("flat_router", delay_ms=3, loss_pct=1, mtu=1400, udp="block", nat="symmetric", cut=True)
    reset = lab.cli("link", "flat_router", "--reset")
    assert reset.stdout == "flat_router – internet: delay 0 ms each way, loss 0 %, MTU 1500, cone NAT\n"
    now = {(w["machine"], w["network"]): w for w in lab.ask("status")["links"]}
    assert now["flat_router", "internet"] == laid
    assert "1500" in lab.says("flat_router", "cat", "/sys/class/net/eth0/mtu")
    assert lab.says("phone", "curl", "-sS", "https://whatismyip.lab") == "203.0.113.20"
    link("db", mtu=1400, delay_ms=3)
    also = lab.cli("link", "db", "--reset", "--delay", "7")
    assert also.stdout == "db – vpc: delay 7 ms each way, loss 0 %, MTU 1500\n"


@pytest.mark.parametrize(
    ("machine", "network", "wanted", "said"),
    [
        ("db", None, {"mtu": 5}, "mtu: 5 is out of range"),
        ("db", None, {"delay_ms": -1}, "delay_ms: -1 is out of range"),
        ("db", None, {"loss_pct": True}, "loss_pct: True is out of range"),
        ("db", None, {"udp": "maybe"}, "udp: 'maybe' is out of range"),
        ("db", None, {"nat": "cone"}, "db does no NAT on vpc"),
        ("db", None, {"speed": 1}, "no 'speed' of a link"),
        ("db", "wsl", {}, "db is not on 'wsl'"),
        ("nosuch", None, {}, "no machine 'nosuch'"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    lab: Lab, machine: str, network: str | None, wanted: dict[str, Any], said: str
) -> None:
    before = lab.ask("status")["links"]
    with pytest.raises(LabError, match=re.escape(said)):
        lab.ask("link", machine=machine, network=network, set=wanted)
    assert lab.ask("status")["links"] == before
