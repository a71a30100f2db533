"""How long the phone has no internet after its exit node was killed and started again: ten kills."""

from __future__ import annotations

import statistics
import time

import pytest

from homelab.checks import exit_node as exits
from homelab.stages import exit_node
from homelab.world import open_world

pytestmark = [pytest.mark.bench, pytest.mark.lab]
HOME, TARGET, KILLS = "203.0.113.10", "203.0.113.50", 10


def test_ten_kills(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    world, wish = open_world("lab"), exit_node.Params()
    phone = world["phone"]
    world.apply(exit_node.plan(world, wish))
    assert exits.may_choose(phone, wish.exit_node).status == "ok"
    world.apply(exit_node.use(world, wish, wish.exit_node))
    assert exits.leaves_by(phone, HOME).status == "ok"
    took = []
    for _ in range(KILLS):
        exit_node.kill(world, wish.exit_node)
        assert exits.stands_still(phone, TARGET).status == "ok"
        since = time.monotonic()
        exit_node.revive(world, wish.exit_node)
        assert exits.comes_back(phone, HOME, since, within=30).status == "ok"
        took.append(time.monotonic() - since)
    world.close()
    print(
        f"exit node killed {KILLS} times: back after {statistics.median(took):.2f} s, at most {max(took):.2f} s"
    )
