"""Chapter 10 as a whole: with its experiments, once more, and after it was cut off in the middle."""

from __future__ import annotations

import pytest

from homelab import labsocket

pytestmark = [pytest.mark.lab, pytest.mark.nightly]


def test_with_experiments_and_once_more(socket, run, tmp_path) -> None:
    first = run("10", tmp_path / "1", "-p", "experiments=true")
    assert first["rc"] == 0, first["said"]
    assert [c["status"] for c in first["checks"] if c["name"] == "nothing is left"] == ["ok"] * 3
    # What a run that is cut off would leave: a narrow network, and a second client.
    labsocket.request(socket, op="link", machine="tequila", network="wsl", set={"mtu": 1280})
    labsocket.request(socket, op="start", machine="windows", name="tailscaled")
    second = run("10", tmp_path / "2")
    assert second["rc"] == 0, second["said"]
    lasting = ("login", "policy", "dns", "image", "project", "engine")
    again = [c for c in second["changes"] if c["resource"] in lasting and c["machine"] != "windows"]
    assert [c for c in again if c["outcome"] != "already"] == [], "what lasts was there already"
