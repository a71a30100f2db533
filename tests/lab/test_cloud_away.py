"""The cloud is killed and comes back: nobody notices more than a moment."""

from __future__ import annotations

import json
import signal
import time

import pytest
from conftest import Lab, wait_for

NODES = {"tequila", "phone", "router", "router2", "demoserver", "fooocus"}


def _online(lab: Lab) -> set[str]:
    """Who is connected to the control plane, as its own admin API says."""
    asked = lab.run(
        "visitor",
        "curl",
        "-sS",
        "-m",
        "2",
        "-u",
        "tskey-api-lab:",
        "https://api.tailscale.com/api/v2/tailnet/-/devices",
    )
    if not asked.stdout.startswith("{"):
        return set()
    return {d["hostname"] for d in json.loads(asked.stdout)["devices"] if d["connectedToControl"]}


def _killed_for(lab: Lab, seconds: float) -> float:
    """Kill the cloud, bring it back after `seconds`; how long it then took until every node was online (s)."""
    wait_for("every node online before", lambda: _online(lab) == NODES)
    lab.ask("stop", machine="cloud", name="cloud", signal=int(signal.SIGKILL))
    back = time.monotonic() + seconds
    wait_for("the time to bring it back", lambda: time.monotonic() >= back, seconds + 5)
    start = time.monotonic()
    lab.ask("start", machine="cloud", name="cloud")
    wait_for("every node online again", lambda: _online(lab) == NODES, 40)
    return time.monotonic() - start


def test_a_direct_path_stays_while_the_cloud_is_away(lab: Lab) -> None:
    """The relays go with the cloud, so the two must have found each other before."""
    assert " via 203.0.113." in lab.says("demoserver", "tailscale", "ping", "-c", "20", "fooocus")
    lab.ask("stop", machine="cloud", name="cloud", signal=int(signal.SIGKILL))
    try:
        assert lab.run("demoserver", "tailscale", "ping", "-c", "3", "fooocus").returncode == 0
    finally:
        lab.ask("start", machine="cloud", name="cloud")
    wait_for("every node online again", lambda: _online(lab) == NODES, 40)


def test_away_for_a_moment(lab: Lab) -> None:
    addresses = {n: lab.machine(n)["tailnet_ip"] for n in NODES}
    took = _killed_for(lab, 1.5)
    assert took < 3
    assert {n: lab.machine(n)["tailnet_ip"] for n in NODES} == addresses


@pytest.mark.nightly
def test_away_for_a_minute(lab: Lab) -> None:
    assert _killed_for(lab, 60) < 10


def test_public_dns_outlives_the_cloud(lab: Lab) -> None:
    lab.ask("stop", machine="cloud", name="cloud", signal=int(signal.SIGKILL))
    try:
        assert "203.0.113.2" in lab.says("visitor", "getent", "hosts", "login.tailscale.com")
    finally:
        lab.ask("start", machine="cloud", name="cloud")
    wait_for("every node online again", lambda: _online(lab) == NODES, 40)
