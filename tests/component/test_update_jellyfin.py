"""Updates with the real engine and a hub that publishes releases: backup, upgrade, the way back, power cuts."""

from __future__ import annotations

import signal

import pytest
from projects import FOLDER, PLACE, URL, Asked, serves, start

from homelab.errors import ApplyFailed
from homelab.plan import Plan
from homelab.resources import release, restored, snapshot
from homelab.upkeep import backup, recipe, releases, restic, update
from homelab.wait import until

NAME = recipe.name_of(FOLDER, PLACE)
IMAGE = "jellyfin/jellyfin"


@pytest.fixture(scope="module")
def server(world, tequila):
    """A household that runs release 10.11.6, as `latest` was then."""
    world.supply("docker-compose", IMAGE)
    world.publish(f"{IMAGE}:10.11.6", "latest")
    start(tequila)
    world.apply(Plan("test", backup.prepared(tequila, PLACE)))
    return tequila


def plan(machine, *consent: str) -> Plan:
    changes, notes = update.changes(update.look(machine, FOLDER, PLACE), consent)
    return Plan("test", changes, notes)


def version(machine) -> str:
    from homelab import web

    return str(web.session(machine).get(f"{URL}/System/Info/Public").json()["Version"])


def test_nothing_new(server) -> None:
    assert plan(server) == Plan("test")


def test_too_old_to_be_upgraded_from(world, server) -> None:
    """What would be refused is refused before anything is pulled."""
    world.publish(f"{IMAGE}:10.9.11", "latest")
    held = plan(server)
    assert not held
    assert "10.9.11 is older than 10.11.6" in held.notes[0]


def test_a_major_release_waits_for_consent(world, server) -> None:
    world.publish(f"{IMAGE}:12.3", "latest")
    held = plan(server)
    assert not held
    assert "jellyfin 10.11.6 → 12.3" in held.notes[0]
    assert "consent: [jellyfin=12]" in held.notes[0]
    assert plan(server, "jellyfin=13").changes == ()
    assert [c.resource for c in plan(server, "jellyfin=12")] == ["snapshot", "release"]


def test_with_consent_it_is_backed_up_then_upgraded(world, server) -> None:
    before = Asked(server).facts()
    going = plan(server, "jellyfin=12")
    assert "jellyfin: 10.11.6 → 12.3" in going.text()
    world.apply(going)
    assert version(server) == "12.3.0"
    assert Asked(server).facts() == before
    found = restic.of_service(restic.snapshots(server, PLACE), "jellyfin")
    assert found[-1].images == going.changes[1].before.images, "the backup says which release its data is of"
    assert plan(server) == Plan("test")


def test_the_way_back_is_the_old_image_with_the_old_data(world, server) -> None:
    """Release 12 has migrated the data: 10.11 does not start on it, and must get its own back."""
    back = world.journal.way_back()
    upgrade = next(c for c in back if c.resource == "release")
    assert "docker tag" in upgrade.command
    assert "restore" in upgrade.command
    before = Asked(server).facts()
    world.apply(Plan("test", (upgrade,)))
    assert version(server) == "10.11.6"
    assert Asked(server).facts() == before
    assert server.run(["sh", "-c", f"ls -d {FOLDER}/.aside/*/config"]), "what 12 wrote is put aside"
    world.apply(plan(server, "jellyfin"))
    assert version(server) == "12.3.0"


def test_a_release_that_does_not_get_healthy_is_left_again(world, server) -> None:
    asked = Asked(server)
    before = asked.facts()
    world.publish(f"{IMAGE}:12.4", "latest")
    server.run(["sudo", "sh", "-c", f"echo 12.4 > {FOLDER}/config/ill"]).ok()
    going = plan(server)
    with pytest.raises(ApplyFailed) as error:
        world.apply(going)
    said = f"{error.value.what} {error.value.hint}"
    assert "jellyfin 12.4 did not get healthy" in said
    assert "jellyfin 12.3 runs again, with the data of backup" in said
    assert "held back" in said
    assert version(server) == "12.3.0"
    assert asked.facts() == before
    held = plan(server)
    assert not held, "the same release is not tried again by itself"
    assert "did not get healthy here before" in held.notes[0]
    server.run(["sudo", "rm", f"{FOLDER}/config/ill", f"{FOLDER}/{recipe.HELD}"]).ok()


def test_a_registry_that_is_away_changes_nothing(world, server) -> None:
    going = plan(server)
    assert len(going) == 2
    world["cloud"].stop("registry", signal.SIGKILL)
    try:
        away = plan(server)
        assert not away
        assert "Not known for jellyfin" in away.notes[0]
        with pytest.raises(ApplyFailed):
            world.apply(going)
        assert version(server) == "12.3.0"
        assert serves(server)
        assert restored.read(server, NAME).unfinished == ""
    finally:
        world["cloud"].start("registry")
    until(lambda: plan(server).notes, lambda notes: notes == (), "the registry to answer")


def begin(machine, command: list[str]) -> int:
    quoted = command[2].replace("'", "'\\''")
    return int(machine.run(["sh", "-c", f"setsid sh -c '{quoted}' >/dev/null 2>&1 & echo $!"]).ok().out)


def cut(machine, leader: int) -> None:
    """The power is cut: our script, the engine, all containers end at once; then the machine boots."""
    inside = "docker inspect -f '{{.State.Pid}}' $(docker ps -q)"
    engine = "pgrep -x 'dockerd|containerd|containerd-shim.*|docker-proxy'"
    machine.run(
        ["sh", "-c", f"inside=$({inside}); kill -9 $({engine}) $inside; pkill -9 -s {leader}; true"]
    ).ok()
    machine.run(["sudo", "service", "docker", "start"], timeout=60).ok()


def test_the_power_is_cut_while_the_old_release_still_runs(world, server) -> None:
    """Before anything was made anew: the old release runs on its data, and the next run does all of it."""
    going = plan(server)
    upgrade = going.changes[1]
    before = snapshot.read(server, NAME)
    snapshot.do(server, going.changes[0].before, going.changes[0].after)
    leader = begin(
        server, ["sh", "-c", upgrade.command.replace("&& docker compose up", "&& sleep 600; true")]
    )
    until(
        lambda: server.run(["docker", "images", "-q", f"{IMAGE}:latest"]).out,
        lambda seen: bool(seen),
        "the pull",
    )
    cut(server, leader)
    until(lambda: serves(server), bool, "the old release to come back by itself", 60)
    assert version(server) == "12.3.0"
    again = plan(server)
    assert [c.resource for c in again] == ["snapshot", "release"]
    assert snapshot.read(server, NAME).snapshots == before.snapshots + 1


@pytest.mark.nightly
def test_cut_off_in_the_new_release_which_is_ill_it_goes_back(world, server) -> None:
    """Nobody remembers the upgrade that was begun; the newest backup says which release its data is of."""
    asked = Asked(server)
    before = asked.facts()
    server.run(["sudo", "sh", "-c", f"echo 12.4 > {FOLDER}/config/ill"]).ok()
    begin_upgrade_and_cut(world, server)
    going = plan(server)
    assert [c.resource for c in going] == ["release"], "no backup of what is half migrated"
    with pytest.raises(ApplyFailed, match="runs again, with the data of backup"):
        world.apply(going)
    assert version(server) == "12.3.0"
    assert asked.facts() == before
    server.run(["sudo", "rm", f"{FOLDER}/config/ill", f"{FOLDER}/{recipe.HELD}"]).ok()


def begin_upgrade_and_cut(world, machine) -> None:
    """Back up, begin the upgrade, and cut the power as soon as the new release runs."""
    going = plan(machine)
    world.apply(Plan("test", going.changes[:1]))
    old = releases.words(releases.running(machine, FOLDER))
    leader = begin(machine, ["sh", "-c", going.changes[1].command])
    until(
        lambda: releases.running(machine, FOLDER),
        lambda seen: releases.words(seen) not in ((), old) and seen[0].status == "running",
        "the new release to start",
        60,
        every=0.02,
    )
    cut(machine, leader)


@pytest.mark.nightly
def test_the_power_is_cut_while_the_new_release_starts(world, server) -> None:
    """In the middle of a migration: the next run gets it healthy, or goes back with the data from before."""
    asked = Asked(server)
    before = asked.facts()
    begin_upgrade_and_cut(world, server)
    for _ in range(2):
        world.apply(plan(server))
    assert version(server) == "12.4.0"
    assert release.read(server, NAME).well
    assert asked.facts() == before
    assert plan(server) == Plan("test")
