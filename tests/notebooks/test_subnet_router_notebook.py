"""The chapter on subnet routers as a whole: with what takes long, and where it is broken."""

from __future__ import annotations

import pytest

from homelab import labsocket

pytestmark = [pytest.mark.lab, pytest.mark.nightly]


def test_with_experiments_and_once_more(socket, run, tmp_path) -> None:
    first = run("07", tmp_path / "1", "-p", "experiments=true")
    assert first["rc"] == 0, first["said"]
    cut = [c for c in first["checks"] if c["name"] == "another router takes over"]
    assert len(cut) == 3, "two kills and a cable"
    second = run("07", tmp_path / "2")
    assert second["rc"] == 0, second["said"]
    lasting = [
        c
        for c in second["changes"]
        if c["resource"] in ("login", "policy", "dns") and c["outcome"] != "already"
    ]
    assert lasting == [], "what lasts was there already"


def test_a_policy_that_shuts_the_port_is_noticed(socket, run, tmp_path) -> None:
    """Routes are no permissions: with a policy that lets nobody into the network, the first query fails."""
    good = run("07", tmp_path / "1")
    assert good["rc"] == 0, good["said"]
    text = '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["tcp:443"]}]}'
    url = "https://api.tailscale.com/api/v2/tailnet/-/acl"
    curl = ["curl", "-fsS", "-u", "tskey-api-lab:", "-X", "POST", "--data-binary", text, url]
    with labsocket.ask(socket, {"op": "run", "machine": "visitor", "argv": curl}, (0, 1, 2)) as connection:
        connection.answer()
        assert connection.answer()["rc"] == 0
    bad = run("07", tmp_path / "2")
    assert bad["rc"] == 1
    assert [c["status"] for c in bad["checks"] if c["name"] == "gives rows"] == ["fail"]
