"""Our pull, with its progress for every layer, against the docker command's: the same image, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.engine import engine
from homelab.engine.pull import pull
from homelab.world import World, open_world

pytestmark = [pytest.mark.bench, pytest.mark.lab]
CHECKOUT = Path(__file__).resolve().parents[2]
IMAGE = "jellyfin/jellyfin:12.4"
ROUNDS, WANTED = 9, 1.1


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    lab = subprocess.Popen(
        [sys.executable, "-m", "homelab.lab", "up", "--lease"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert lab.stdin
    assert lab.stdout
    monkeypatch.setenv("HOMELAB_LAB", json.loads(lab.stdout.readline())["socket"])
    opened = open_world("lab")
    yield opened
    opened.close()
    lab.stdin.close()
    lab.wait(10)
    lab.stdout.close()


def test_our_pull_takes_as_long_as_dockers(world: World) -> None:
    machine = world["tequila"]
    machine.run(["sudo", "service", "docker", "start"]).ok()
    world.supply(IMAGE)
    client = engine(machine)
    took: dict[str, list[float]] = {"docker": [], "ours": []}
    for n in range(-1, ROUNDS):  # the first round warms what both use
        for whose in ("docker", "ours") if n % 2 else ("ours", "docker"):
            start = time.monotonic()
            if whose == "docker":
                machine.run(["docker", "pull", IMAGE]).ok()
            else:
                pull(machine, IMAGE, lambda line: None)
            if n >= 0:
                took[whose].append(time.monotonic() - start)
            client.images.remove(IMAGE, force=True)
    ours, dockers = statistics.median(took["ours"]), statistics.median(took["docker"])
    print(
        f"\npull of {IMAGE}: ours {ours:.2f} s, docker's {dockers:.2f} s; ratio of the medians of {ROUNDS} rounds "
        f"{ours / dockers:.2f} (wanted: at most {WANTED}; load {os.getloadavg()[0]:.1f})"
    )
