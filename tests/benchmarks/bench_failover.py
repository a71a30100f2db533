"""How long a network is out of reach when the router that carries it is killed: ten times, in turns."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.check import prove
from homelab.checks import subnet_router as checks
from homelab.clients.postgres import Database
from homelab.lab_lease import Lease
from homelab.routing import failover
from homelab.stages import subnet_router
from homelab.world import World, open_world

pytestmark = [pytest.mark.bench, pytest.mark.lab]
KILLS = 10
WISH = subnet_router.Params()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    monkeypatch.setenv("HOMELAB_LAB", lease.socket())
    opened = open_world("lab")
    yield opened
    opened.close()
    lease.close()


def test_failover(world: World) -> None:
    subnet_router.open_network(world)
    world.apply(subnet_router.plan(world, WISH))
    phone = world["phone"]
    prove(checks.gives_rows(phone, Database(WISH.database), "select title from films"))
    took: list[float] = []
    for _ in range(KILLS):
        router = world[subnet_router.carrying(world, WISH)]
        with failover.killed(router, phone) as kill:
            took.append(failover.measure(phone, WISH.routes[0], WISH.database, 5432, kill).seconds)
    print(
        f"\na router killed {KILLS} times: the network was out of reach for {statistics.median(took):.3f} s (p50), "
        f"{max(took):.3f} s at most (load {os.getloadavg()[0]:.1f})"
    )
