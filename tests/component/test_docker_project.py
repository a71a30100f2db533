"""A Compose project on a real engine: typed and done lead to the same; sidecars, images, files, and what is broken."""

from __future__ import annotations

import dataclasses

import pytest

from homelab.engine import engine
from homelab.errors import EngineError
from homelab.plan import Later, matches
from homelab.resources import file, image, project
from homelab.resources.project_words import words

FOLDER = "/srv/homelab/demo"
COMPOSE = """\
name: demo
services:
  tailscale:
    image: busybox:${VERSION:-latest}
    command: [sh, -c, "trap exit TERM; sleep 600 & wait"]
    healthcheck: {test: [CMD, "true"], interval: 1s}
  web:
    image: busybox
    network_mode: service:tailscale
    command: [sh, -c, "trap exit TERM; httpd -p 80 -h /www; sleep 600 & wait"]
    volumes: ["./www:/www:ro"]
"""
FILES = {"compose.yaml": COMPOSE, ".env": "VERSION=stable\n", "www/index.html": "hello\n"}
NONE = project.State(FOLDER)


def wanted(**changed: str) -> project.State:
    files = FILES | {name.replace("__", "/").replace("_", "."): text for name, text in changed.items()}
    return project.wanted(FOLDER, "demo", ["tailscale", "web"], files, shares={"web": "tailscale"})


@pytest.fixture(scope="module")
def composing(world, tequila):
    """The machine with the plugin, and the images that the project runs."""
    world.supply("docker-compose")
    for reference in ("busybox", "busybox:stable", "busybox:1.35"):
        image.do(tequila, image.read(tequila, reference), image.wanted(reference))
    return tequila


@pytest.fixture
def fresh(composing):
    assert project.read(composing, FOLDER) == NONE
    yield composing
    composing.run(["sh", "-c", "docker rm -f $(docker ps -aq); docker network prune -f; rm -rf /srv/homelab"])


def ids(machine) -> dict[str, str]:
    return {c.labels["com.docker.compose.service"]: str(c.id) for c in engine(machine).containers.list()}


def test_a_project_typed_and_done(fresh) -> None:
    up = wanted()
    fresh.run(project.command(NONE, up), timeout=120).ok()
    typed = project.read(fresh, FOLDER)
    assert matches(typed, up)
    assert (typed.name, typed.running, typed.shares) == ("demo", ("tailscale", "web"), ("web=tailscale",))
    assert {path: text for path, text, _ in typed.files} == FILES
    fresh.run(project.command(typed, NONE), timeout=60).ok()
    assert project.read(fresh, FOLDER) == NONE
    assert file.read(fresh, f"{FOLDER}/compose.yaml").text is None
    project.do(fresh, NONE, up)
    assert project.read(fresh, FOLDER) == typed
    project.do(fresh, typed, NONE)
    assert project.read(fresh, FOLDER) == NONE


def test_a_sidecar_made_anew_takes_its_service_along_and_back(fresh) -> None:
    project.do(fresh, NONE, wanted())
    before, first = project.read(fresh, FOLDER), ids(fresh)
    other = wanted(_env="VERSION=1.35\n")
    assert words(before, other) == (
        "makes tailscale anew (VERSION changed); makes web anew (it lives in the network of tailscale)"
    )
    project.do(fresh, before, other)
    after, second = project.read(fresh, FOLDER), ids(fresh)
    assert matches(after, other)
    assert after.shares == ("web=tailscale",), "web lives in the new one's network"
    assert first["tailscale"] != second["tailscale"]
    assert first["web"] != second["web"]
    project.do(fresh, after, before)  # the way back brings the old texts with it
    assert project.read(fresh, FOLDER) == before
    assert file.read(fresh, f"{FOLDER}/.env").text == "VERSION=stable\n"


def test_a_mounted_file_that_changes(fresh) -> None:
    project.do(fresh, NONE, wanted())
    before, first = project.read(fresh, FOLDER), ids(fresh)
    other = wanted(www__index_html="goodbye\n")
    project.do(fresh, before, other)
    assert matches(project.read(fresh, FOLDER), other)
    assert ids(fresh)["web"] != first["web"]
    fetched = engine(fresh).containers.get("demo-web-1").exec_run(["wget", "-qO-", "http://127.0.0.1/"])
    assert fetched.output == b"goodbye\n"


def test_what_stopped_is_started_again(fresh) -> None:
    up = wanted()
    project.do(fresh, NONE, up)
    engine(fresh).containers.get("demo-web-1").stop()
    now = project.read(fresh, FOLDER)
    assert now.running == ("tailscale",)
    assert words(now, up) == "starts web"
    project.do(fresh, now, up)
    assert matches(project.read(fresh, FOLDER), up)


def test_a_project_that_a_person_started_is_taken_over(fresh) -> None:
    for path, text in FILES.items():
        at = f"{FOLDER}/{path}"
        file.do(fresh, file.State(at, None), file.State(at, text))
    fresh.run(["sh", "-c", f"cd {FOLDER} && docker compose up -d --wait"], timeout=60).ok()
    found, first = project.read(fresh, FOLDER), ids(fresh)
    assert (found.running, found.config) == (("tailscale", "web"), ())
    assert [path for path, _, _ in found.files] == ["compose.yaml", ".env"]
    project.do(fresh, found, wanted())
    assert matches(project.read(fresh, FOLDER), wanted())
    assert ids(fresh) == first, "nothing was made anew: it ran from the same files"


def test_files_that_were_there_before_are_there_afterwards(fresh) -> None:
    at, mine = f"{FOLDER}/compose.yaml", "services: {web: {image: busybox}}\n"
    file.do(fresh, file.State(at, None), file.State(at, mine))
    before = project.read(fresh, FOLDER)
    project.do(fresh, before, wanted())
    project.do(fresh, project.read(fresh, FOLDER), before)
    assert project.read(fresh, FOLDER) == before
    assert file.read(fresh, at).text == mine
    assert file.read(fresh, f"{FOLDER}/.env").text is None


def test_a_certain_image(fresh) -> None:
    project.do(fresh, NONE, wanted())
    now = project.read(fresh, FOLDER)
    assert not isinstance(now.images, Later)
    digest = image.read(fresh, "busybox").digest
    assert now.images == (f"tailscale={digest}", f"web={digest}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COMPOSE.replace("    image: busybox\n", "   image busybox\n"), "line"),
        (COMPOSE.replace("image: busybox\n", "imag: busybox\n"), "imag"),
        (COMPOSE.replace("network_mode: service:tailscale", "network_mode: service:tailscal"), "tailscal"),
    ],
)
def test_a_broken_compose_file(fresh, text: str, said: str) -> None:
    with pytest.raises(EngineError) as error:
        project.do(fresh, NONE, wanted(compose_yaml=text))
    assert error.value.kind == "compose", error.value
    assert said in error.value.what
    project.do(fresh, project.read(fresh, FOLDER), wanted())
    assert matches(project.read(fresh, FOLDER), wanted())


def test_a_service_that_is_not_well(fresh) -> None:
    sick = wanted(
        compose_yaml=COMPOSE.replace('"true"', '"false"').replace("interval: 1s", "interval: 1s, retries: 1")
    )
    with pytest.raises(EngineError) as error:
        project.do(fresh, NONE, sick)
    assert error.value.kind == "unhealthy", error.value
    assert "demo-tailscale-1 is unhealthy" in error.value.what
    assert "docker logs demo-tailscale-1" in error.value.hint
    project.do(fresh, project.read(fresh, FOLDER), wanted())
    assert matches(project.read(fresh, FOLDER), wanted())


def test_a_port_that_is_taken(fresh) -> None:
    fresh.run(["docker", "run", "-d", "--name", "other", "-p", "8098:80", "busybox", "sleep", "600"]).ok()
    text = COMPOSE.replace("  web:\n", '    ports: ["8098:80"]\n  web:\n')
    with pytest.raises(EngineError) as error:
        project.do(fresh, NONE, wanted(compose_yaml=text))
    assert error.value.kind == "port"
    assert error.value.what == "port 8098 is taken: the container other publishes it"
    fresh.run(["docker", "rm", "-f", "other"]).ok()
    up = wanted(compose_yaml=text)
    project.do(fresh, project.read(fresh, FOLDER), up)
    assert matches(project.read(fresh, FOLDER), up)


def test_no_engine_no_project(world) -> None:
    assert project.read(world["demoserver"], FOLDER) == NONE
    assert dataclasses.replace(NONE, name="") == NONE
