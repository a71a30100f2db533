"""Somebody's home, every stage: planned, applied, nothing left to do, taken back; by SSH, and on one machine without a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import homes
import pytest

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

SSH = """
world: myhome
api_key: file:~/key
machines:
  tequila: {via: ssh://tequila}
  demoserver: {via: ssh://demoserver}
  router: {via: ssh://router}
  router2: {via: ssh://router2}
  db: {via: ssh://db}
  phone: {via: ssh://phone}
funnel: {visitors: 2}
gpu_benchmarks: {depths: [0], repetitions: 1}
"""
LOCAL = """
world: myhome
machines:
  tequila: {via: local}
services: {auth_key: "file:~/authkey"}
funnel: {visitors: 2}
gpu_benchmarks: {depths: [0], repetitions: 1}
"""
IMAGES = (
    "jellyfin/jellyfin", "docker.io/valkey/valkey:9", "eclipse-mosquitto:2", "python:3.11-slim",
    "ghcr.io/immich-app/immich-server:release", "tailscale/tailscale:stable", "docker-compose",
    "ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Iterator[homes.Home]:
    with homes.opened(tmp_path) as found:
        found.root("tequila", "service docker start >/dev/null")
        found.world.supply(*IMAGES)
        for daemon in ("database", "names"):
            found.machine("db").start(daemon)
        yield found


def there_and_back(home: homes.Home, role: str, machines: tuple[str, ...]) -> homes.Ran:
    """Plan, apply, nothing left, undo: each ends as it should, and the machines are as they were; the second plan."""
    before = {m: home.root(m, homes.SEEN) for m in machines}
    planned = home.runbook(role, "run")
    assert planned.rc == 2, planned.out
    assert set(planned.statuses().values()) <= {"ok", "drift"}
    assert {m: home.root(m, homes.SEEN) for m in machines} == before, "a plan changes nothing"

    applied = home.runbook(role, "run", "--apply")
    assert applied.rc == 0, applied.out
    done = home.last()

    again = home.runbook(role, "run")
    assert again.rc == 0, again.out
    assert "No changes." in again.out

    undone = home.runbook(role, "undo", done, "--apply")
    assert undone.rc == 0, undone.out
    assert {m: home.root(m, homes.SEEN) for m in machines} == before
    return again


def test_every_stage_over_ssh(home: homes.Home) -> None:
    roles = ("tequila", "demoserver", "router", "router2", "db", "phone")
    home.moves_in(homes.LAPTOP, SSH)
    home.reaches(*roles)
    there_and_back(home, homes.LAPTOP, roles)
    # plan, apply, plan, undo; the jump hosts carry the others' connections beside their own
    assert home.connections("tequila") == 4, "one connection a command and machine"


def test_every_stage_on_one_machine_without_an_api_key(home: homes.Home) -> None:
    home.moves_in("tequila", LOCAL, key=False)
    home.owns("tag:container")  # as 04's plan says
    home.writes("tequila", "authkey", home.auth_key())
    again = there_and_back(home, "tequila", ("tequila",))
    skipped = [c for s in again.results["stages"] for c in s["checks"] if c["status"] == "skip"]
    assert any(c["evidence"] == "needs an admin API key" and c["hint"] for c in skipped)
    assert any("no machine plays 'phone'" in c["evidence"] and c["hint"] for c in skipped)
