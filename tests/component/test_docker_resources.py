"""Docker's resources on a real engine: what is shown, typed, leads where `do` leads; and back again."""

from __future__ import annotations

import dataclasses
import os

import pytest

from homelab.engine import engine, run
from homelab.errors import HomelabError
from homelab.needs import engine as needs_engine
from homelab.plan import Change, Later, difference, matches
from homelab.plan import change as changes
from homelab.resources import container, file, image
from homelab.resources import engine as docker

FOLDER = "/srv/jelly"
TALK = container.State(
    name="jelly",
    image="busybox",
    running=True,
    ports=("8096:8096",),
    volumes=(f"{FOLDER}/config:/config", f"{FOLDER}/cache:/cache"),
    mounts=(f"type=bind,source={FOLDER}/media,target=/media",),
    args=("sh", "-c", "trap exit TERM; sleep 600 & wait"),  # it ends when told, so that a stop is quick
    folder=FOLDER,
)
FULL = dataclasses.replace(
    TALK,
    ports=("127.0.0.1:8080:80", "9000:9000/udp"),
    volumes=(f"{FOLDER}/config:/config:ro", "named:/data"),
    env=("B=two words", "A=1"),
    devices=("/dev/null:/dev/zilch",),
    cap_add=("NET_ADMIN",),
    memory="64M",
    restart="unless-stopped",
)
STATES = {
    "as the talk": TALK,
    "with everything": FULL,
    "another entry point": container.State(
        "jelly", "busybox", True, entrypoint="sleep", args=("600",), restart="on-failure:3"
    ),
    "host network": container.State("jelly", "busybox", True, network="host", args=("sleep", "600")),
    "only created": dataclasses.replace(TALK, running=False),
}


@pytest.fixture(scope="module")
def pulled(tequila):
    """An engine that has busybox, and the folder that the talk's container mounts."""
    image.do(tequila, image.read(tequila, "busybox"), image.wanted("busybox"))
    tequila.run(["mkdir", "-p", f"{FOLDER}/media"]).ok()
    return tequila


@pytest.fixture
def fresh(pulled):
    yield pulled
    pulled.run(["sh", "-c", "docker rm -f $(docker ps -aq); true"])


def test_the_engine_is_started_and_stopped(tequila) -> None:
    running = docker.read(tequila)
    assert running == docker.State(True, True, True)
    stopped = dataclasses.replace(running, running=False)
    reached = []
    for to, how in ((stopped, "typed"), (running, "done"), (stopped, "done"), (running, "typed")):
        now = docker.read(tequila)
        if how == "typed":
            tequila.run(docker.command(now, to)).ok()
        else:
            docker.do(tequila, now, to)
        reached.append(docker.read(tequila))
    assert reached == [stopped, running, stopped, running]
    assert docker.command(stopped, running)[2] == "sudo service docker start"
    assert engine(tequila).ping()


def test_docker_is_planned_where_it_is_missing(world) -> None:
    (missing,) = needs_engine("demoserver")(world)
    assert missing.why.startswith("install Docker, start Docker")
    assert "apt-get install -y docker-ce docker-ce-cli containerd.io" in missing.command
    assert "download.docker.com/linux/debian" in missing.command
    assert "usermod" not in missing.command, "root needs no group"
    assert "usermod" in " ".join(
        docker.command(docker.State(True, True, False), docker.State(True, True, True))
    )


def test_an_image_typed_and_pulled(tequila, capsys) -> None:
    gone, wanted = image.State("busybox", False), image.wanted("busybox")
    image.do(tequila, image.read(tequila, "busybox"), gone) if image.read(
        tequila, "busybox"
    ).present else None
    assert image.read(tequila, "busybox") == gone
    tequila.run(image.command(gone, wanted)).ok()
    typed = image.read(tequila, "busybox")
    tequila.run(image.command(typed, gone)).ok()
    assert image.read(tequila, "busybox") == gone
    image.do(tequila, gone, wanted)
    said = capsys.readouterr().out
    assert image.read(tequila, "busybox") == typed
    assert matches(typed, wanted)
    assert str(typed.digest).startswith("sha256:")
    assert ": Pull complete (" in said
    image.do(tequila, typed, gone)
    assert image.read(tequila, "busybox") == gone
    for to in (typed, typed):  # by its digest, as the way back of an update does
        image.do(tequila, gone, to)
        assert image.read(tequila, "busybox") == typed
    tequila.run(["docker", "rmi", "-f", "busybox"]).ok()
    tequila.run(image.command(gone, typed)).ok()
    assert image.read(tequila, "busybox") == typed


def test_the_command_is_the_talks() -> None:
    talk = dataclasses.replace(TALK, name="jellyfin", image="jellyfin/jellyfin", args=(), detach=False)
    shown = container.command(container.State("jellyfin"), talk)[2]
    assert shown.endswith(
        "docker run --name jellyfin -p 8096:8096 --volume $(pwd)/config:/config --volume $(pwd)/cache:/cache "
        "--mount type=bind,source=$(pwd)/media,target=/media jellyfin/jellyfin"
    )


@pytest.mark.parametrize("name", STATES)
def test_a_container_typed_and_made(fresh, name: str) -> None:
    wanted, none = STATES[name], container.State("jelly")
    assert container.read(fresh, "jelly") == none
    run(fresh, container.command(none, wanted))
    typed = container.read(fresh, "jelly")
    assert matches(typed, wanted)
    run(fresh, container.command(typed, none))
    assert container.read(fresh, "jelly") == none
    container.do(fresh, none, wanted)
    assert container.read(fresh, "jelly") == typed
    container.do(fresh, typed, none)
    assert container.read(fresh, "jelly") == none


def test_a_changed_container_is_made_anew_and_back(fresh) -> None:
    none = container.State("jelly")
    container.do(fresh, none, TALK)
    first = engine(fresh).containers.get("jelly").id
    stopped = dataclasses.replace(TALK, running=False)
    assert container.command(TALK, stopped) == ["docker", "stop", "jelly"]
    container.do(fresh, TALK, stopped)
    run(fresh, container.command(stopped, TALK))
    assert container.read(fresh, "jelly") == TALK
    assert engine(fresh).containers.get("jelly").id == first, "stopped and started, not made anew"
    wanted = dataclasses.replace(TALK, memory="32m")
    typed = container.command(TALK, wanted)[2]
    assert "docker rm -f jelly && docker run --name jelly" in typed
    container.do(fresh, TALK, wanted)
    assert container.read(fresh, "jelly") == wanted
    run(fresh, container.command(wanted, TALK))
    assert container.read(fresh, "jelly") == TALK


def test_a_container_that_lives_in_anothers_network(fresh) -> None:
    sidecar = container.State("sidecar", "busybox", True, args=("sleep", "600"))
    guest = container.State("guest", "busybox", True, network="container:sidecar", args=("sleep", "600"))
    container.do(fresh, container.State("sidecar"), sidecar)
    run(fresh, container.command(container.State("guest"), guest))
    typed = container.read(fresh, "guest")
    container.do(fresh, typed, container.State("guest"))
    container.do(fresh, container.State("guest"), guest)
    assert container.read(fresh, "guest") == typed == guest
    run(fresh, ["docker", "rm", "-f", "sidecar"])
    assert "(gone)" in container.read(fresh, "guest").network, "which is not what is wanted"


def test_where_no_engine_answers_nothing_is_there(world) -> None:
    machine = world["demoserver"]
    assert not image.read(machine, "busybox").present
    assert container.read(machine, "jelly") == container.State("jelly")


FILES = {
    "new": (file.State("/srv/f/a/b.conf", None), file.State("/srv/f/a/b.conf", "one\ntwo\n")),
    "changed": (file.State("/srv/f/b", "one\ntwo\n"), file.State("/srv/f/b", "one\n2 $HOME `x` \\\nEOF\n", 0o640)),
    "no newline": (file.State("/srv/f/c", "x\n"), file.State("/srv/f/c", "it's $HOME")),
    "mode": (file.State("/srv/f/d", "x\n"), file.State("/srv/f/d", "x\n", 0o755)),
    "empty": (file.State("/srv/f/e", None), file.State("/srv/f/e", "")),
    "removed": (file.State("/srv/f/f", "x\n"), file.State("/srv/f/f", None)),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_typed_and_written(world, name: str) -> None:
    machine, (before, after) = world["demoserver"], FILES[name]
    file.do(machine, file.read(machine, before.path), before)
    assert file.read(machine, before.path) == before
    machine.run(file.command(before, after)).ok()
    assert file.read(machine, before.path) == after
    machine.run(file.command(after, before)).ok()
    assert file.read(machine, before.path) == before
    file.do(machine, before, after)
    assert file.read(machine, before.path) == after


def test_a_secret_in_a_file_is_a_reference_everywhere(world, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, path = world["demoserver"], "/srv/f/secret"
    monkeypatch.setenv("MQTT_PASSWORD", "correct-horse")
    none = file.State(path, None)
    wanted = file.State(path, "user: me\npassword: {{env:MQTT_PASSWORD}} $1 `a`\n", 0o600)
    file.do(machine, none, wanted)
    assert machine.read_text(path) == "user: me\npassword: correct-horse $1 `a`\n"
    assert file.read(machine, path) == wanted
    (made,) = changes("demoserver", "file", none, wanted, "the broker's password", name=path)
    back = made.inverse()
    for shown in (str(made.data()), made.command, difference(made), difference(back), back.command):
        assert "correct-horse" not in shown
    assert "${MQTT_PASSWORD}" in made.command
    assert Change.load(made.data()) == made
    machine.run(["rm", path]).ok()
    machine.run(file.command(none, wanted), env=dict(os.environ)).ok()
    assert file.read(machine, path) == wanted
    with pytest.raises(HomelabError, match="for its owner alone"):
        file.State(path, "{{env:MQTT_PASSWORD}}", 0o644)


def test_a_changed_file_shows_a_diff(world) -> None:
    before, after = FILES["changed"]
    (made,) = changes("demoserver", "file", before, after, "w", name=before.path)
    assert "-two" in difference(made)
    assert "+EOF" in difference(made)
    assert isinstance(image.wanted("x").digest, Later)
