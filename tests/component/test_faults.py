"""Break and mend in one lab: before, a fault's checks pass; then they point at it; mended, all is as it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from homelab import labsocket
from homelab.errors import PrerequisiteMissing
from homelab.faults import ALL, broken, lesson
from homelab.resources import (
    approval,
    bulk_file,
    dns,
    ip_forward,
    login,
    nic_mtu,
    policy,
    portproxy,
    prefs,
    project,
    recorder,
    serve,
    windows_tailscale,
)
from homelab.stages import (
    audited_ssh,
    enrollment,
    exit_node,
    funnel,
    gotchas,
    services,
    subnet_router,
)
from homelab.world import World

CHECKOUT = Path(__file__).resolve().parents[2]
NODES = ("phone", "tequila", "router", "router2", "demoserver", "recorder")
# What makes the world in which each is at home, in the order of the chapters; and what a learner reads then.
EVIDENCE = {
    "expired-key": "NeedsLogin",
    "names-off": "not known",
    "udp-blocked": "via DERP",
    "mtu": "eth0 takes 1280 bytes; a packet of 1280 in the tunnel makes 1340",
    "sidecar-alone": "quiz: in the network of a container that is no more",
    "funnel-closed": "not known here",
    "exit-node-off": "tequila to be in the list",
    "vpc-dns-gone": "rds.vpc.internal to be 10.20.0.50",
    "overlapping-route": "through tailscale0, by table 52",
    "recorder-down": "recorder to answer",
    "disk-full": "the largest there: /var/lib/recorder/holiday-2019.mkv",
    "two-daemons": "on Windows it runs, in WSL it runs",
    "portproxy-address": "and WSL has 172.28.16.10 now",
}
SLOW = ("overlapping-route", "udp-blocked", "sidecar-alone", "exit-node-off", "mtu")


@pytest.fixture(scope="module")
def taught(world) -> World:
    """The chapters that need no Docker, as their plans leave the lab; and a port of Windows that leads to WSL."""
    plans: list[Callable[[], Any]] = [
        lambda: enrollment.plan(world, enrollment.Params()),
        lambda: funnel.plan(world, funnel.Params()),
        lambda: exit_node.plan(world, exit_node.Params()),
        lambda: subnet_router.plan(world, subnet_router.Params()),
        lambda: audited_ssh.plan(world, audited_ssh.Params()),
        lambda: gotchas.bridge(world["tequila"], gotchas.Params(target="")),
    ]
    subnet_router.open_network(world)
    for plan in plans:
        world.apply(plan())
    return world


def everything(world: World) -> dict[str, object]:
    """What any of the faults may touch; asked at the same time, for it is much."""
    tequila = world["tequila"]
    asked: dict[str, Callable[[], object]] = {
        **{n: lambda n=n: prefs.read(world[n]) for n in NODES},
        **{f"{n} is": lambda n=n: login.read(world[n]) for n in NODES},
        **{f"{n} forwards": lambda n=n: ip_forward.read(world[n]) for n in ("tequila", "router")},
        **{f"approved {n}": lambda n=n: approval.read(world.tailnet, n) for n in ("tequila", "router")},
        "names": lambda: dns.read(world.tailnet),
        "policy": lambda: policy.read(world.tailnet),
        "shown": lambda: serve.config(tequila),
        "mtu": lambda: nic_mtu.read(tequila, "eth0"),
        "windows": lambda: windows_tailscale.read(tequila),
        "doors": lambda: portproxy.every(tequila),
        "quiz": lambda: project.read(tequila, "/srv/homelab/quiz"),
        "recorder": lambda: recorder.read(world["recorder"]),
        "film": lambda: bulk_file.read(world["recorder"], "/var/lib/recorder/holiday-2019.mkv"),
        "journal": world.journal.path.read_text,
    }
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(asked, pool.map(lambda ask: ask(), asked.values()), strict=True))
    status = labsocket.request(world.lab["socket"], op="status")
    daemons = {n: m["services"] for n, m in status["machines"].items()}
    return {**found, "links": status["links"], "daemons": daemons, "broken": status["broken"]}


def is_found_and_mended(world: World, name: str) -> None:
    """The whole lesson, and that it leaves nothing."""
    fault, before = ALL[name], everything(world)
    found = lesson.break_in(world, fault)  # refuses where a check does not pass
    told = fault.tells(world, 1.0)
    assert told.status in ("fail", "warn"), told
    assert EVIDENCE[name] in told.evidence
    assert told.hint, "a learner must be able to act on it"
    assert labsocket.request(world.lab["socket"], op="status")["broken"] == name
    outcomes = list(lesson.mend(world, found))
    assert [o.status for o in outcomes] == ["applied"] * len(outcomes) != []
    proof = lesson.proof(world, fault)
    assert all(answer.status == "ok" for answer in proof), proof
    broken.forget(lesson.state(world))
    assert everything(world) == before
    assert not fault.solution(world, found.plan), "nothing is left to mend"


@pytest.mark.parametrize("name", [n for n in ALL if n not in SLOW])
def test_a_fault_is_found_by_its_check_and_mended(taught, name) -> None:
    is_found_and_mended(taught, name)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [n for n in SLOW if n != "sidecar-alone"])
def test_a_slow_fault_is_found_by_its_check_and_mended(taught, name) -> None:
    is_found_and_mended(taught, name)


def test_what_this_lab_has_not_is_not_broken(taught) -> None:
    before = everything(taught)
    with pytest.raises(PrerequisiteMissing) as refused:
        lesson.break_in(taught, ALL["sidecar-alone"])
    assert "./runbook lab up --at 05_funnel" in refused.value.hint
    assert everything(taught) == before


@pytest.mark.nightly
def test_a_sidecar_without_its_service_is_found_and_mended(taught) -> None:
    wish = services.Params(services=["quiz"])
    services.supply(taught, wish)
    taught.apply(services.plan(taught, wish))
    is_found_and_mended(taught, "sidecar-alone")


def runbook(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """``./runbook`` in another terminal."""
    env = {**os.environ, "HOMELAB_LAB": world.lab["socket"]}
    argv = [CHECKOUT / ".venv/bin/python", "-m", "homelab", *words]
    return subprocess.run(argv, capture_output=True, text=True, cwd=CHECKOUT, env=env, check=False)


def test_a_lesson_in_the_terminal(taught) -> None:
    done = runbook(taught, "lab", "break", "--surprise")
    assert done.returncode == 0, done.stderr
    found = broken.read(lesson.state(taught))
    assert found
    assert found.secret
    assert found.name not in done.stdout
    assert ALL[found.name].symptom in done.stdout
    assert labsocket.request(taught.lab["socket"], op="status")["broken"] == "a surprise"
    again = runbook(taught, "lab", "break", "mtu")
    assert again.returncode == 3
    assert "something is broken already: a surprise" in again.stderr
    look = runbook(taught, "lab", "check")
    assert look.returncode == 1
    told = ALL[found.name].tells(taught, 1.0)
    assert told.hint in look.stdout
    for n in (0, 1):
        assert ALL[found.name].hints[n] in runbook(taught, "lab", "mend", "--hint").stdout
    shown = runbook(taught, "lab", "mend", "--show")
    assert "$ " in shown.stdout
    assert broken.read(lesson.state(taught)), "only shown"
    mended = runbook(taught, "lab", "mend")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert broken.read(lesson.state(taught)) is None
    assert all(a.status in lesson.GOOD for a in lesson.checkup(taught))
    assert "Nothing is broken here" in runbook(taught, "lab", "mend").stdout
