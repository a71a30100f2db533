"""A home over SSH: how long a plan of all stages takes, near and far; and one state converged by us, pyinfra and ansible-core.

The two others are installed here into a virtual environment of their own, which the lab's laptop sees.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import homes
import pytest
from homes import ALICE, LAPTOP

pytestmark = [pytest.mark.bench, pytest.mark.lab]
PINNED = ("pyinfra==3.5.1", "ansible-core==2.19.4")
RIVALS = Path(sys.prefix) / "var" / "rivals"
IMAGE, TEXT = "valkey/valkey:9", "maxmemory 64mb\nsave 60 1\n"
ROUNDS, WANTED = 5, 1.0
NEAR, FAR, MORE = (
    12.0,
    30.0,
    1.10,
)  # seconds for a plan of all stages, with 80 ms; what a converged apply may add
SETTLED = ("05", "06")  # stages that a home without extras can be converged by
FOLDER = f"/home/{ALICE}/cache"
PARAMS = """
world: myhome
api_key: file:~/key
machines:
  tequila: {via: ssh://tequila}
  phone: {via: ssh://phone}
"""
OURS = f"""
from homelab.plan import change, plan
from homelab.resources import container, file, image
from homelab.world import open_world

world = open_world("home.yaml", True)
at, text, name = world["tequila"], {TEXT!r}, "{FOLDER}/cache.conf"
world.apply(plan(
    "bench",
    change("tequila", "file", file.read(at, name), file.State(name, text), "its settings", name=name),
    change("tequila", "image", image.read(at, "{IMAGE}"), image.wanted("{IMAGE}"), "its image", name="{IMAGE}"),
    change("tequila", "container", container.read(at, "cache"), container.State("cache", "{IMAGE}", True,
        ports=("127.0.0.1:6379:6379",), restart="unless-stopped"), "run it", name="cache"),
))
world.close()
"""
PYINFRA = f"""
from io import StringIO
from pyinfra.operations import docker, files
files.directory("{FOLDER}")
files.put(src=StringIO({TEXT!r}), dest="{FOLDER}/cache.conf", mode="644")
docker.container(container="cache", image="{IMAGE}", ports=["127.0.0.1:6379:6379"], present=True, start=True)
"""
ANSIBLE = f"""
- hosts: tequila
  gather_facts: false
  tasks:
    - ansible.builtin.file: {{path: {FOLDER}, state: directory}}
    - ansible.builtin.copy: {{dest: {FOLDER}/cache.conf, mode: "0644", content: {json.dumps(TEXT)}}}
    - ansible.builtin.command: docker inspect -f '{{{{ "{{{{.State.Running}}}} {{{{.Config.Image}}}}" }}}}' cache
      register: seen
      changed_when: false
      failed_when: false
    - ansible.builtin.command: docker run -d --name cache --restart unless-stopped -p 127.0.0.1:6379:6379 {IMAGE}
      when: seen.stdout != "true {IMAGE}"
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[homes.Home]:
    with homes.opened(tmp_path) as found:
        found.root("tequila", "service docker start >/dev/null")
        found.world.supply(IMAGE)
        found.moves_in(LAPTOP, PARAMS)
        found.reaches("tequila", "phone")
        # At home the reader's first run leaves its bytecode in the checkout; the lab's laptop may only read it.
        subprocess.run([sys.executable, "-m", "compileall", "-q", homes.CHECKOUT / "homelab"], check=True)
        yield found


@pytest.fixture(scope="module")
def rivals() -> Path:
    """Where both are installed; made once, and again when the pins change."""
    ready = RIVALS / ".ready"
    if not ready.exists() or ready.read_text() != " ".join(PINNED):
        subprocess.run([sys.executable, "-m", "venv", "--clear", RIVALS], check=True)
        done = subprocess.run([RIVALS / "bin/pip", "-q", "install", *PINNED], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"they cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        ready.write_text(" ".join(PINNED))
    return RIVALS / "bin"


def test_a_converged_container_and_file_against_pyinfra_and_ansible(home: homes.Home, rivals: Path) -> None:
    for name, text in (
        ("ours.py", OURS),
        ("deploy.py", PYINFRA),
        ("site.yml", ANSIBLE),
        ("hosts.ini", "tequila\n"),
    ):
        home.writes(LAPTOP, name, text)
    # Each in its usual way: pyinfra reads ~/.ssh/config by itself, Ansible calls ssh and keeps its connection.
    calls = {
        "ours": f"{sys.executable} -P ours.py",
        "pyinfra": f"{rivals}/pyinfra -y tequila deploy.py",
        "ansible-core": f"ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 {rivals}/ansible-playbook -i hosts.ini site.yml",
    }
    took: dict[str, list[float]] = {whose: [] for whose in calls}
    for whose, call in calls.items():
        home.as_reader(LAPTOP, call)  # converges, or finds that the first has
        converged = home.root("tequila", f"docker inspect -f '{{{{.Id}}}}' cache; cat {FOLDER}/cache.conf")
        assert converged.endswith(TEXT)
        again = home.as_reader(LAPTOP, call)
        assert (
            home.root("tequila", f"docker inspect -f '{{{{.Id}}}}' cache; cat {FOLDER}/cache.conf")
            == converged
        ), f"{whose} made it anew: {again}"
    for n in range(ROUNDS):
        for whose in sorted(calls, reverse=bool(n % 2)):
            took[whose].append(home.as_reader(LAPTOP, calls[whose]).seconds)
    medians = {whose: statistics.median(found) for whose, found in took.items()}
    print(
        "\none container and one file, converged again over SSH: "
        + ", ".join(f"{whose} {seconds:.2f} s" for whose, seconds in medians.items())
        + f"; ours takes {medians['ours'] / medians['pyinfra']:.2f} of pyinfra's (wanted: at most {WANTED}) and "
        f"{medians['ours'] / medians['ansible-core']:.2f} of ansible-core's time; {ROUNDS} rounds, load {os.getloadavg()[0]:.1f}"
    )
    assert medians["ours"] <= WANTED * medians["pyinfra"]


def test_a_plan_of_all_stages_near_and_far(home: homes.Home) -> None:
    laptop, took = home.machine(LAPTOP), {}
    for how, delay in (("near", 0), ("far", 40)):  # 40 ms each way
        laptop.link(delay_ms=delay)
        before = home.connections("tequila")
        ran = home.runbook(LAPTOP, "run")
        assert ran.rc == 2, ran.out
        took[how] = ran.seconds
        print(f"\n{how}: {ran.seconds:.1f} s, {home.connections('tequila') - before} connection to tequila; by stage: "
              + ", ".join(f"{s['name'][:2]} {s['seconds']:.1f}" for s in ran.results["stages"]))  # fmt: skip
    print(
        f"\na plan of all stages over SSH: {took['near']:.1f} s (wanted: under {NEAR}), at 80 ms {took['far']:.1f} s"
        f" (wanted: under {FAR}); load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )


def test_a_converged_apply_beside_its_plan(home: homes.Home) -> None:
    assert home.runbook(LAPTOP, "run", *SETTLED, "--apply").rc == 0
    took: dict[str, list[float]] = {"--plan": [], "--apply": []}
    for n in range(ROUNDS):
        for how in sorted(took, reverse=bool(n % 2)):
            ran = home.runbook(LAPTOP, "run", *SETTLED, how)
            assert ran.rc == 0, ran.out
            took[how].append(ran.seconds)
    planned, applied = (statistics.median(found) for found in took.values())
    print(
        f"\nwhere nothing is left to do, of stages {', '.join(SETTLED)}: a plan {planned:.1f} s, an apply {applied:.1f} s, "
        f"{applied / planned:.2f} of it (wanted: at most {MORE}); {ROUNDS} rounds, load {os.getloadavg()[0]:.1f}"
    )
