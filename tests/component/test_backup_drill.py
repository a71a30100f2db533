"""Backups with the real restic and the real engine: taken, lost, put back; and every way to be interrupted."""

from __future__ import annotations

import signal

import pytest
from projects import FOLDER, PLACE, Asked, serves, start, up

from homelab.checks import backup as checks
from homelab.errors import ApplyFailed, HomelabError
from homelab.plan import Plan
from homelab.resources import repository, restored, snapshot
from homelab.upkeep import backup, recipe, restic
from homelab.wait import until

NAME = recipe.name_of(FOLDER, PLACE)


@pytest.fixture(scope="module")
def server(world, tequila):
    world.supply("docker-compose", "jellyfin/jellyfin")
    start(tequila)
    world.apply(Plan("test", backup.prepared(tequila, PLACE)))
    return tequila


def plan(machine, hours: float = 0.0) -> Plan:
    return Plan("test", backup.changes(machine, [FOLDER], PLACE, hours))


def test_absent_the_repository_is_planned_with_its_password(tequila) -> None:
    changes = backup.prepared(tequila, "/mnt/backup/other")
    assert [c.resource for c in changes] == ["repository"]
    assert "init" in changes[0].command


def test_a_backup_disk_that_is_not_mounted_is_not_made_up(world, server) -> None:
    with pytest.raises(ApplyFailed) as error:
        world.apply(Plan("test", backup.prepared(server, "/mnt/usb/restic")))
    assert "/mnt/usb is not there" in error.value.what
    assert "mount the backup disk" in error.value.hint
    assert not server.run(["test", "-e", "/mnt/usb"])


def test_the_password_is_roots_alone_and_in_no_argument(server) -> None:
    seen = server.run(["stat", "-c", "%a %U", restic.PASSWORD_FILE]).ok().out.strip()
    assert seen == "600 root"
    secret = server.read_text(restic.PASSWORD_FILE).strip()
    assert len(secret) > 40
    for change in (*backup.prepared(server, "/mnt/backup/x"), *plan(server)):
        assert secret not in change.command


def test_shown_and_done_lead_to_the_same(world, server) -> None:
    before = snapshot.read(server, NAME)
    server.run(snapshot.command(before, before), timeout=120).ok()
    typed = snapshot.read(server, NAME)
    world.apply(plan(server))
    done = snapshot.read(server, NAME)
    assert (typed.snapshots, done.snapshots) == (before.snapshots + 1, before.snapshots + 2)
    assert not plan(server, hours=1), "a young one is enough"
    found = restic.of_service(restic.snapshots(server, PLACE), "jellyfin")
    assert found[-1].host == "tequila"
    assert found[-1].images[0].startswith("jellyfin=jellyfin/jellyfin@sha256:")
    assert found[-1].tags == found[-2].tags
    assert serves(server)


def test_the_drill(world, server) -> None:
    assert checks.proved(server, PLACE, ["jellyfin"]).status == "warn", "never restored"
    answers = []
    drill = backup.Drill(world, server, FOLDER, PLACE, "test")
    assert backup.run(drill, Asked(server), answers.append)
    assert [a.status for a in answers] == ["ok", "ok"]
    assert "users: alice" in answers[1].evidence
    assert "place: 3 s" in answers[1].evidence
    for answer in (
        checks.recent(server, PLACE, ["jellyfin"], 1),
        checks.proved(server, PLACE, ["jellyfin"]),
        checks.readable(server, PLACE, 100),
        checks.has_room(server, PLACE, 0),
    ):
        assert answer.status == "ok", answer
    elsewhere = checks.elsewhere(server, [PLACE], FOLDER)
    assert elsewhere.status == "warn"
    assert checks.elsewhere(server, ["/srv/restic"], FOLDER).status == "fail"


def test_a_restore_is_taken_back_by_what_was_put_aside(world, server) -> None:
    drill = backup.Drill(world, server, FOLDER, PLACE, "test")
    server.run(["sudo", "touch", f"{FOLDER}/config/written-since"]).ok()
    done = drill.restoration()
    world.apply(done)
    assert not server.run(["test", "-e", f"{FOLDER}/config/written-since"])
    world.apply(done.inverse())
    assert server.run(["test", "-e", f"{FOLDER}/config/written-since"])
    assert serves(server)


def test_it_runs_again_when_the_backup_fails(world, server) -> None:
    server.run(["sudo", "mv", restic.PASSWORD_FILE, "/root/kept"]).ok()
    server.run(["sudo", "sh", "-c", f"umask 077; echo wrong password > {restic.PASSWORD_FILE}"]).ok()
    before = snapshot.State(
        "jellyfin", PLACE, 0, host="tequila", how=recipe.read(server, FOLDER).word(), images=()
    )
    try:
        with pytest.raises(HomelabError) as error:
            snapshot.do(server, before, before)
    finally:
        server.run(["sudo", "mv", "/root/kept", restic.PASSWORD_FILE]).ok()
    assert "password does not open" in error.value.what
    assert restic.PASSWORD_FILE in error.value.hint
    until(lambda: serves(server), bool, "the service to run again")
    assert not server.run(["test", "-e", f"{FOLDER}/.backing-up"])


# A program that is called where the real one would be, and holds still so that we can cut the power there.
HOLD = """\
#!/bin/sh
case " $* " in *" backup "*|*" restore "*) echo $$ > /tmp/held; sleep 600;; esac
exec /usr/bin/restic "$@"
"""


@pytest.fixture
def held(server):
    """restic holds still at its backup or restore; yields the way to wait for that."""
    server.run(["sudo", "rm", "-f", "/tmp/held"]).ok()
    server.write_text("/usr/local/bin/restic", HOLD, 0o755)
    yield lambda: int(until(lambda: server.read_text("/tmp/held"), bool, "restic to be called"))
    server.run(["sudo", "rm", "-f", "/usr/local/bin/restic"]).ok()
    up(server)


def begin(machine, command: list[str]) -> int:
    """Start a shown script as a session of its own; its process id."""
    quoted = command[2].replace("'", "'\\''")
    return int(machine.run(["sh", "-c", f"setsid sh -c '{quoted}' >/dev/null 2>&1 & echo $!"]).ok().out)


def cut(machine, leader: int) -> None:
    """End all of a session at once, as a power cut does: nobody can clean up."""
    machine.run(["sh", "-c", f"pkill -{int(signal.SIGKILL)} -s {leader}"]).ok()


def test_the_power_is_cut_in_the_middle_of_a_backup(world, server, held) -> None:
    now = snapshot.read(server, NAME)
    leader = begin(server, snapshot.command(now, now))
    held()
    assert not serves(server), "it stands still"
    cut(server, leader)
    server.run(["sudo", "rm", "/usr/local/bin/restic"]).ok()
    cut_off = snapshot.read(server, NAME)
    assert cut_off.interrupted
    assert cut_off.snapshots == now.snapshots
    again = plan(server, hours=1000)
    assert [c.resource for c in again] == ["snapshot"], "though the last backup is young"
    world.apply(again)
    after = snapshot.read(server, NAME)
    assert (after.snapshots, after.interrupted) == (now.snapshots + 1, False)
    until(lambda: serves(server), bool, "the service to run again")


def test_the_power_is_cut_in_the_middle_of_a_restore(world, server, held) -> None:
    asked = Asked(server)
    before = asked.facts()
    now = restored.read(server, NAME)
    newest = restic.of_service(restic.snapshots(server, PLACE), "jellyfin")[-1]
    leader = begin(server, restored.command(now, restored.State("jellyfin", PLACE, now.times + 1, newest.id)))
    held()
    cut(server, leader)
    server.run(["sudo", "rm", "/usr/local/bin/restic"]).ok()
    assert restored.read(server, NAME).unfinished == newest.id
    again = plan(server)
    assert [c.resource for c in again] == ["restored", "snapshot"], "first the restore, then a backup of it"
    world.apply(again)
    assert restored.read(server, NAME).unfinished == ""
    assert asked.facts() == before


def test_the_lock_of_a_dead_restic_is_taken_away_and_no_other(world, server) -> None:
    """restic is killed while it holds a lock; then another number is said to be alive."""
    script = f"{restic.line(PLACE, 'backup', '--stdin', '--tag', 'held', '-q')} < /tmp/never"
    server.run(["mkfifo", "/tmp/never"]).ok()
    leader = begin(server, ["sh", "-c", f"sleep 600 > /tmp/never & {script}"])
    until(lambda: restic.locks(server, PLACE), lambda found: found.alive == 1, "restic to hold a lock")
    assert backup.prepared(server, PLACE) == (), "it may be at work"
    cut(server, leader)
    assert restic.locks(server, PLACE) == restic.Locks(dead=1)
    assert checks.readable(server, PLACE).status == "ok", "whoever only reads needs no lock"
    world.apply(Plan("test", backup.prepared(server, PLACE)))
    assert repository.read(server, PLACE) == repository.State(PLACE, True)
    assert checks.readable(server, PLACE).status == "ok"


def test_the_engine_is_killed_in_the_middle_of_a_backup(world, server, held) -> None:
    now = snapshot.read(server, NAME)
    leader = begin(server, snapshot.command(now, now))
    held()
    pid = server.run(["pgrep", "-x", "dockerd"]).ok().out.split()[0]
    server.run(["sudo", "kill", "-9", pid]).ok()
    cut(server, leader)
    server.run(["sudo", "rm", "/usr/local/bin/restic"]).ok()
    server.run(["sudo", "service", "docker", "start"], timeout=60).ok()
    world.apply(plan(server))
    assert snapshot.read(server, NAME).snapshots == now.snapshots + 1
    until(lambda: serves(server), bool, "the service to run again", 30)


def test_a_file_that_cannot_be_read_makes_no_backup(world, server) -> None:
    """restic goes on without such a file, and ends with 3: what is kept then would pass for a backup."""
    now = snapshot.read(server, NAME)
    wrong = now.how.replace('"config"', '"config", "gone"')
    changed = snapshot.State("jellyfin", PLACE, now.snapshots, host="tequila", how=wrong, images=now.images)
    with pytest.raises(HomelabError, match="gone"):
        snapshot.do(server, changed, changed)
    assert snapshot.read(server, NAME).snapshots == now.snapshots
    assert serves(server), "it was not even stopped"
