"""The lab's hub: empty until it is asked, then as docker finds the real one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dockers
import pytest
from conftest import Lab, Owned
from dockers import docker

from homelab import lab_supply
from homelab.errors import PrerequisiteMissing


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The default topology with Tequila's engine running."""
    owned = Owned(state=tmp_path_factory.mktemp("d"))
    owned.lab.says("tequila", "sudo", "service", "docker", "start")
    yield owned.lab
    owned.end()
    assert not list(owned.state.iterdir()), "the lab left something in its state folder"


def test_supply_pull_run_and_a_new_release(home: Lab) -> None:
    assert "registry" not in home.machine("cloud")["services"]  # nothing is offered, so nothing serves it
    assert docker(home, "tequila", "pull", "busybox").returncode == 1
    start = time.monotonic()
    said = lab_supply.supply(home.socket, "busybox")
    dockers.tell("busybox supplied", time.monotonic() - start)
    assert said.startswith("the lab's hub offers busybox:")
    assert home.machine("cloud")["services"]["registry"] == "running"
    assert (
        lab_supply.supply(home.socket, "docker.io/library/busybox:latest")
        == "the lab's hub offers busybox:latest"
    )
    pulled = docker(home, "tequila", "pull", "busybox")
    assert pulled.returncode == 0, pulled
    assert docker(home, "tequila", "run", "--rm", "busybox", "echo", "hello").stdout == "hello\n"
    assert docker(home, "tequila", "pull", "busybox:2").returncode == 1
    told = home.cli("hub", "tag", "busybox", "2")
    assert (told.returncode, told.stdout.startswith("the tag 2 is busybox now (sha256:")) == (0, True), told
    again = docker(home, "tequila", "pull", "busybox:2")
    assert "Downloaded newer image for busybox:2" in again.stdout


def test_what_cannot_be_supplied_is_said_with_the_nearest_name(home: Lab) -> None:
    with pytest.raises(PrerequisiteMissing, match="cannot offer busyboxx") as refused:
        lab_supply.supply(home.socket, "busyboxx")
    assert "busybox" in refused.value.hint
    done = home.cli("hub", "tag", "busybox:7", "8")
    assert done.returncode == 3
    assert "the hub does not offer busybox:7" in done.stderr


def test_a_registry_that_died_is_started_again(home: Lab) -> None:
    lab_supply.supply(home.socket, "busybox")
    home.says("cloud", "pkill", "-9", "docker-registry")
    assert docker(home, "tequila", "pull", "busybox:stable").returncode == 1
    assert "cloud/registry" in home.ask("start_missing")["started"]
    assert docker(home, "tequila", "pull", "busybox:stable").returncode == 0
