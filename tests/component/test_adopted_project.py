"""A stranger's Compose project on a real engine: seen, claimed, started where it stands still; never rewritten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homelab.checks import adopted as asks
from homelab.engine import engine
from homelab.errors import EngineError
from homelab.portrait import params_file
from homelab.portrait.look import look_at
from homelab.portrait.roles import cast
from homelab.resources import adopted, image
from homelab.stages import adoption, services
from homelab.stages.services import Params

FOLDER = "/opt/stranger/my things"
MAIN, MORE = f"{FOLDER}/docker-compose.yml", f"{FOLDER}/more.yml"
FILES = f"{MAIN},{MORE}"
COMPOSE = """\
# mine, and nobody else's
services:
  web:
    image: busybox
    command: [sh, -c, "trap exit TERM; httpd -p 80 -h /www; sleep 600 & wait"]
    volumes: ["./www:/www:ro"]
    ports: ["127.0.0.1:8088:80"]
    restart: unless-stopped
  prepare:
    image: busybox
    command: ["true"]
"""
OVER = """\
services:
  web: {environment: {WHO: "${WHO}"}}
  extra: {image: busybox, command: [sleep, "600"], profiles: [sometimes]}
"""


@pytest.fixture(scope="module")
def stranger(world, tequila):
    world.supply("docker-compose")
    image.do(tequila, image.read(tequila, "busybox"), image.wanted("busybox"))
    tequila.run(["mkdir", "-p", f"{FOLDER}/www"]).ok()
    for path, text in {
        MAIN: COMPOSE,
        MORE: OVER,
        f"{FOLDER}/.env": "WHO=me\n",
        f"{FOLDER}/www/index.html": "hi\n",
    }.items():
        tequila.write_text(path, text)
    up = ["sh", "-c", f"cd '{FOLDER}' && docker compose -p mine -f docker-compose.yml -f more.yml up -d"]
    tequila.run(up, timeout=120).ok()
    yield tequila
    tequila.run(["sh", "-c", f"docker compose -p mine -f '{MAIN}' -f '{MORE}' down; rm -rf /opt/stranger"])


@pytest.fixture(autouse=True)
def guarded(world):
    """What looks must only look: as at home."""
    world.guard.on = True
    yield
    world.guard.on = False


def files_of(machine) -> str:
    """Everything in the folder: names, contents, modes and times."""
    with machine.guard.lifted():  # the guard does not know `find -exec`
        return machine.run(["sh", "-c", f"cd '{FOLDER}' && find . -exec stat -c '%n %a %U %Y %Z' {{}} + && cat .env *.yml"]).ok().out  # fmt: skip


def containers_of(machine) -> list[tuple[str, str, str]]:
    return sorted(
        (str(c.name), str(c.id), c.attrs["State"]["StartedAt"])
        for c in engine(machine).containers.list(all=True)
    )


def test_the_portrait_sees_it_and_touches_nothing(stranger, tmp_path):
    files, containers = files_of(stranger), containers_of(stranger)
    found = look_at({"local": (stranger, "local")})
    found = replace(found, machines=cast(found.machines, [""]))
    seen = found.machines[0]
    assert seen.silent == ()
    assert seen.docker
    (mine,) = seen.docker.projects
    assert (mine.name, mine.folder, mine.files) == ("mine", FOLDER, (MAIN, MORE))
    web = next(c for c in mine.containers if c.service == "web")
    assert (web.status, web.restart, web.image) == ("running", "unless-stopped", "busybox")
    assert [(p.address, p.port, p.inside) for p in web.ports] == [("127.0.0.1", 8088, 80)]
    assert web.digest.startswith("sha256:")
    assert f'  # - "{FILES}"' in params_file.text(found)
    assert (files_of(stranger), containers_of(stranger)) == (files, containers)


def test_claimed_and_running_it_is_no_change(world, stranger):
    files, containers = files_of(stranger), containers_of(stranger)
    wish = Params(services=[], adopt=[FILES])
    plan = services.plan(world, wish)
    assert not plan, plan
    for ask in (asks.runs, asks.answers, asks.as_its_files_say):
        answer = ask(stranger, FILES)
        assert answer.status == "ok", answer
    assert "8088" in asks.answers(stranger, FILES).evidence
    assert (files_of(stranger), containers_of(stranger)) == (files, containers)


def test_what_stands_still_is_started_from_the_file_as_it_is_and_undo_leaves_it(world, stranger):
    with world.guard.lifted():
        stranger.run(["docker", "stop", "-t", "1", "mine-web-1"]).ok()
    files, (before, *_) = files_of(stranger), [c for c in containers_of(stranger) if c[0] == "mine-web-1"]
    assert asks.runs(stranger, FILES).status == "fail"
    plan = services.plan(world, Params(services=[], adopt=[FILES]))
    assert [c.resource for c in plan] == ["adopted"]
    assert "starts prepare, web" in str(plan) or "starts web" in str(plan)
    assert world.apply(plan)
    assert asks.runs(stranger, FILES).status == "ok"
    again = next(c for c in containers_of(stranger) if c[0] == "mine-web-1")
    assert again[1] == before[1]  # the same container, not one made anew
    assert not services.plan(world, Params(services=[], adopt=[FILES]))
    assert world.apply(plan.inverse())
    assert [c[1] for c in containers_of(stranger) if c[0] == "mine-web-1"] == [
        before[1]
    ]  # stopped, and there
    assert files_of(stranger) == files
    assert world.apply(plan)


def test_a_file_edited_since_is_said_and_left_alone(world, stranger):
    with world.guard.lifted():
        stranger.write_text(MORE, OVER.replace('"${WHO}"', "somebody"))
    containers = containers_of(stranger)
    answer = asks.as_its_files_say(stranger, FILES)
    assert answer.status == "warn"
    assert answer.evidence.startswith("web: ")
    assert not services.plan(world, Params(services=[], adopt=[FILES]))
    assert containers_of(stranger) == containers
    with world.guard.lifted():
        stranger.write_text(MORE, OVER)


def test_a_file_that_is_broken_or_gone_is_an_error_that_names_it(stranger):
    with stranger.guard.lifted():
        stranger.write_text("/opt/stranger/broken.yml", "services: {web: {imagee: busybox}}\n")
    for path in ("/opt/stranger/broken.yml", "/opt/stranger/gone.yml"):
        with pytest.raises(EngineError) as caught:
            adoption.changes(stranger, [path])
        assert path.rpartition("/")[2] in str(caught.value) or "imagee" in str(caught.value)


def test_shown_and_done_are_the_same(stranger):
    now = adopted.read(stranger, FILES)
    stopped = replace(now, running=())
    with stranger.guard.lifted():
        stranger.run(adopted.command(now, stopped), timeout=60).ok()
    assert adopted.read(stranger, FILES) == stopped
    with stranger.guard.lifted():
        stranger.run(adopted.command(stopped, now), timeout=60).ok()
    assert adopted.read(stranger, FILES).running == now.running
