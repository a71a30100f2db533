"""A lab of this folder's own, in which nobody is logged in yet, opened as a world."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homelab.errors import LabError
from homelab.machine import Result
from homelab.world import World, open_world

CHECKOUT = Path(__file__).resolve().parents[2]
API_KEY = "tskey-api-lab"
WANTING = {"world", "tailnet", "typed", "tequila"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and WANTING & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A fresh lab for each file of tests; it ends with them."""
    patch = pytest.MonkeyPatch()
    patch.setenv("HOMELAB_STATE", str(tmp_path_factory.mktemp("s")))
    lab = subprocess.Popen(
        [sys.executable, "-m", "homelab.lab", "up", "--lease"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert lab.stdin
    assert lab.stdout
    line = json.loads(lab.stdout.readline() or "{}")
    if "socket" not in line:
        raise LabError("the lab did not come up", str(line))
    patch.setenv("HOMELAB_LAB", line["socket"])
    opened = open_world("lab")
    yield opened
    opened.close()
    lab.stdin.close()
    lab.wait(60)  # an engine with large images takes its time to go
    lab.stdout.close()
    patch.undo()


@pytest.fixture(scope="module")
def tequila(world):
    """The machine that has Docker: the engine runs, and the hub offers busybox."""
    machine = world["tequila"]
    machine.run(["sudo", "service", "docker", "start"]).ok()
    world.supply("busybox")
    return machine


@pytest.fixture
def tailnet(world):
    """The tailnet as its admin sees it."""
    return world.tailnet


@pytest.fixture
def typed(world) -> Callable[..., Result]:
    """Types a shown command on a machine, as a reader would who has an API key in the environment."""

    def type_on(role: str, command: list[str]) -> Result:
        return world[role].run(command, env={"TS_API_KEY": API_KEY}, timeout=60).ok()

    return type_on
