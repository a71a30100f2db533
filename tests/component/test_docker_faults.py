"""What can go wrong with Docker, each with the real engine: one clear error with a hint; and the next run converges."""

from __future__ import annotations

import dataclasses
import os
import signal

import pytest

from homelab import web
from homelab.checks import engine as checks
from homelab.engine import engine, run, translated
from homelab.engine.pull import pull
from homelab.errors import EngineError, HomelabError
from homelab.resources import container, image
from homelab.resources import engine as docker
from homelab.wait import until

PLAIN = container.State("one", "busybox", True, args=("sleep", "600"))
NONE = container.State("one")


@pytest.fixture(scope="module")
def pulled(tequila):
    image.do(tequila, image.read(tequila, "busybox"), image.wanted("busybox"))
    return tequila


@pytest.fixture
def fresh(pulled):
    yield pulled
    if not docker.read(pulled).running:
        pulled.run(["sudo", "service", "docker", "start"]).ok()
    pulled.run(["sh", "-c", "docker rm -f $(docker ps -aq); true"])


def refused(machine, wanted: container.State, before: container.State = NONE) -> EngineError:
    """The error that `do` ends with: a shown command must end with the same, and leave nothing that is in the way."""
    with pytest.raises(EngineError) as done:
        container.do(machine, before, wanted)
    left = container.read(machine, wanted.name)
    assert left == before, "what could not be started is removed again"
    with pytest.raises(EngineError) as typed:
        run(machine, container.command(before, wanted))
    assert typed.value.kind == done.value.kind
    if container.read(machine, wanted.name).image and not before.image:
        run(machine, ["docker", "rm", "-f", wanted.name])
    assert done.value.where == "tequila"
    assert done.value.hint
    return done.value


def converges(machine, wanted: container.State) -> None:
    container.do(machine, container.read(machine, wanted.name), wanted)
    assert container.read(machine, wanted.name) == wanted


def test_no_docker(world) -> None:
    for ask in (engine, lambda m: pull(m, "busybox")):
        with pytest.raises(EngineError, match="Docker is not installed") as error:
            ask(world["demoserver"])
        assert error.value.kind == "absent"
        assert error.value.where == "demoserver"
    said = checks.docker_answers(world["demoserver"])
    assert (said.status, said.evidence) == ("fail", "Docker is not installed")


def test_docker_does_not_run(fresh) -> None:
    running = docker.read(fresh)
    docker.do(fresh, running, dataclasses.replace(running, running=False))
    for ask in (engine, lambda m: pull(m, "busybox"), lambda m: run(m, ["docker", "ps"])):
        with pytest.raises(EngineError) as error:
            ask(fresh)
        assert (error.value.kind, error.value.what) == ("stopped", "Docker does not run")
        assert "sudo service docker start" in error.value.hint
    docker.do(fresh, docker.read(fresh), running)
    converges(fresh, PLAIN)


def test_docker_is_killed_under_its_containers(fresh) -> None:
    client = engine(fresh)
    container.do(fresh, NONE, PLAIN)
    pid = (fresh.read_text("/run/docker.pid") or "").strip()
    assert pid.isdigit()
    events = client.api.events(decode=True)
    fresh.run(["kill", f"-{signal.SIGKILL.value}", pid]).ok()
    with pytest.raises(EngineError) as error:  # an old connection and a new one both say so
        until(lambda: client.containers.list(), lambda _: False, "an error", 5)
    assert error.value.kind in ("stopped", "lost")
    with pytest.raises(EngineError) as error:
        engine(fresh).containers.get("one")
    assert error.value.kind == "stopped"
    assert "service docker start" in error.value.hint
    events.close()
    fresh.run(["sudo", "service", "docker", "start"]).ok()
    assert docker.read(fresh).running
    converges(fresh, PLAIN)


def test_this_user_may_not(fresh) -> None:
    done = fresh.run(["su", "-s", "/bin/sh", "nobody", "-c", "docker ps"])
    assert done.rc
    with pytest.raises(EngineError) as error:
        run(fresh, ["su", "-s", "/bin/sh", "nobody", "-c", "docker ps"])
    assert error.value.kind == "forbidden"
    assert "usermod -aG docker" in error.value.hint
    assert "log out and in again" in error.value.hint


def test_a_port_that_another_container_has(fresh) -> None:
    other = dataclasses.replace(PLAIN, name="other", ports=("8096:8096",))
    container.do(fresh, container.State("other"), other)
    wanted = dataclasses.replace(PLAIN, ports=("8096:80",))
    error = refused(fresh, wanted)
    assert error.kind == "port"
    assert error.what == "port 8096 is taken: the container other publishes it"
    run(fresh, ["docker", "rm", "-f", "other"])
    converges(fresh, wanted)


def test_a_port_that_another_process_has(fresh) -> None:
    holder = "exec python3 -m http.server 8097 >/dev/null 2>&1 </dev/null"
    fresh.run(["setsid", "-f", "sh", "-c", holder]).ok()
    until(lambda: _listens(fresh, 8097), bool, "the other process to listen")
    wanted = dataclasses.replace(PLAIN, ports=("8097:80",))
    error = refused(fresh, wanted)
    assert error.kind == "port"
    assert error.what.startswith("port 8097 is taken: python3 (process ")
    fresh.run(["sh", "-c", "kill $(ss -H -ltnp 'sport = :8097' | sed 's/.*pid=\\([0-9]*\\).*/\\1/')"]).ok()
    until(lambda: _listens(fresh, 8097), lambda yes: not yes, "the port to be free")
    converges(fresh, wanted)


def _listens(machine, port: int) -> bool:
    try:
        web.dial(machine, "127.0.0.1", port).close()
    except HomelabError:
        return False
    return True


def test_a_name_that_is_taken(fresh) -> None:
    container.do(fresh, NONE, PLAIN)
    with pytest.raises(EngineError) as error:
        container.do(fresh, NONE, PLAIN)
    assert (error.value.kind, error.value.what) == ("name", "a container called one is there already")
    with pytest.raises(EngineError) as error:
        run(fresh, container.command(NONE, PLAIN))
    assert error.value.kind == "name"
    assert container.read(fresh, "one") == PLAIN


@pytest.mark.parametrize(
    ("reference", "kind", "what", "hint"),
    [
        ("busybox:1.3", "tag", "busybox has no tag 1.3", "busybox offers 1.35"),
        ("busybox:lastest", "tag", "busybox has no tag lastest", "latest"),
        ("busibox", "image", "busibox", "docker search busibox"),
        ("somebody/nothing:1", "image", "somebody/nothing", "docker search nothing"),
        ("ghcr.io/immich-app/imich", "image", "immich-app/imich", "spelling"),
        (
            "registry.invalid/x/y",
            "registry",
            "the registry does not answer: https://registry.invalid",
            "network",
        ),
    ],
)
def test_what_no_registry_has(fresh, reference: str, kind: str, what: str, hint: str) -> None:
    for ask in (lambda: pull(fresh, reference), lambda: run(fresh, ["docker", "pull", reference])):
        with pytest.raises(EngineError) as error:
            ask()
        assert error.value.kind == kind, error.value
        assert what in error.value.what
        assert hint in error.value.hint
    refused(fresh, dataclasses.replace(PLAIN, image=reference))


def test_a_registry_that_is_down(world, fresh) -> None:
    world["cloud"].stop("registry")
    with pytest.raises(EngineError) as error:
        pull(fresh, "busybox")
    assert error.value.kind == "registry"
    converges(fresh, PLAIN)  # what is here already still runs
    world["cloud"].start("registry")
    until(lambda: _pulls(fresh), bool, "the registry to serve again")


def _pulls(machine) -> bool:
    try:
        pull(machine, "busybox")
    except EngineError:
        return False
    return True


def test_a_full_disk(fresh) -> None:
    fresh.run(["docker", "image", "rm", "-f", "busybox"]).ok()
    fresh.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/var/lib/docker/tmp"]).ok()
    try:
        for ask in (lambda: pull(fresh, "busybox"), lambda: run(fresh, ["docker", "pull", "busybox"])):
            with pytest.raises(EngineError) as error:
                ask()
            assert error.value.kind == "disk", error.value
            assert "docker image prune" in error.value.hint
        assert not image.read(fresh, "busybox").present
    finally:
        fresh.run(["umount", "/var/lib/docker/tmp"]).ok()
    image.do(fresh, image.read(fresh, "busybox"), image.wanted("busybox"))
    converges(fresh, PLAIN)


def test_a_folder_to_mount_that_is_not_there(fresh) -> None:
    wanted = dataclasses.replace(PLAIN, mounts=("type=bind,source=/srv/nowhere,target=/media",))
    error = refused(fresh, wanted)
    assert error.kind == "mount"
    assert "/srv/nowhere is not there, and --mount does not make one" in error.what
    assert error.hint.startswith("mkdir -p /srv/nowhere")
    fresh.run(["mkdir", "-p", "/srv/nowhere"]).ok()
    converges(fresh, wanted)


def test_out_of_memory(world, fresh) -> None:
    if world.lab["tier"] != "root":
        pytest.skip("a rootless engine here has no cgroups, so nothing limits memory")
    eats = dataclasses.replace(PLAIN, memory="8m", args=("sh", "-c", "dd if=/dev/zero of=/dev/null bs=64M"))
    container.do(fresh, NONE, eats)
    until(lambda: container.read(fresh, "one").running, lambda runs: not runs, "the container to be killed")
    said = checks.container_healthy(fresh, "one")
    assert said.status == "fail"
    assert said.evidence.startswith("one was killed because the memory was used up; it may have 8 MiB")
    assert "--memory" in said.hint
    converges(fresh, PLAIN)


def test_an_entry_point_that_is_not_there(fresh) -> None:
    error = refused(fresh, dataclasses.replace(PLAIN, entrypoint="/nope", args=()))
    assert error.kind == "entrypoint"
    assert "/nope" in error.what
    error = refused(fresh, dataclasses.replace(PLAIN, args=("nope",)))
    assert error.kind == "entrypoint"
    converges(fresh, PLAIN)


def test_a_graphics_card_that_is_not_there(fresh) -> None:
    error = refused(fresh, dataclasses.replace(PLAIN, gpus="all"))
    assert error.kind == "gpu"
    assert "nvidia-smi" in error.hint
    said = checks.graphics_for_the_game(fresh)
    assert said.status == ("ok" if os.path.exists("/usr/bin/nvidia-smi") else "skip")  # noqa: PTH110
    converges(fresh, PLAIN)


def test_a_container_that_is_not_there(fresh) -> None:
    with pytest.raises(EngineError) as error, translated(fresh):
        engine(fresh).containers.get("nobody")
    assert (error.value.kind, error.value.what) == ("gone", "there is no container nobody")


def test_an_image_that_a_container_uses(fresh) -> None:
    container.do(fresh, NONE, PLAIN)
    now = image.read(fresh, "busybox")
    with pytest.raises(EngineError) as error:
        image.do(fresh, now, image.State("busybox", False))
    assert error.value.kind == "in_use"
    assert image.read(fresh, "busybox") == now
