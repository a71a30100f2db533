"""Backups on another machine: restic over SFTP, with a key that opens nothing else."""

from __future__ import annotations

import pytest
from projects import FOLDER, Asked, start

from homelab.checks import backup as checks
from homelab.errors import HomelabError
from homelab.needs import joined, missing
from homelab.plan import Plan
from homelab.resources import backup_key
from homelab.stages import services
from homelab.stages import services_care as care
from homelab.upkeep import backup, restic, second_place

pytestmark = pytest.mark.nightly  # the whole drill once more, over the network
PLACE = "sftp:demoserver:/root/backups"


@pytest.fixture(scope="module")
def pair(world, tequila):
    """Tequila and demoserver in one tailnet; a household's Jellyfin runs."""
    world.supply("docker-compose", "jellyfin/jellyfin")
    start(tequila)
    world.apply(Plan("test", missing(world, [joined("tequila"), joined("demoserver")])))
    return tequila, world["demoserver"]


def test_nobody_there_is_one_clear_error(pair) -> None:
    tequila, _ = pair
    with pytest.raises(HomelabError) as error:
        second_place.door(tequila, tequila, PLACE)
    assert "no key" in error.value.what
    backup_key.do(tequila, backup_key.read(tequila, "demoserver"), backup_key.State("demoserver", True, True))
    tequila.run(
        ["sudo", "sh", "-c", f"mkdir -p /etc/homelab; echo 0123456789abcdef > {restic.PASSWORD_FILE}"]
    ).ok()
    with pytest.raises(HomelabError) as error:
        backup.prepared(tequila, PLACE)
    assert "demoserver cannot be reached by SFTP" in error.value.what
    assert "sudo sftp demoserver" in error.value.hint


def test_the_key_opens_sftp_and_nothing_else(world, pair) -> None:
    tequila, demoserver = pair
    world.apply(Plan("test", second_place.key(tequila, PLACE)))
    world.apply(Plan("test", second_place.door(tequila, demoserver, PLACE)))
    assert second_place.key(tequila, PLACE) == ()
    assert second_place.door(tequila, demoserver, PLACE) == ()
    assert "restrict" in second_place.by_hand(tequila, PLACE)
    shell = tequila.run(["sudo", "ssh", "demoserver", "cat", "/etc/passwd"], timeout=20)
    assert "root:" not in shell.out
    listed = tequila.run(["sudo", "sftp", "-q", "-b", "-", "demoserver"], stdin="pwd\n", timeout=20).ok()
    assert "Remote working directory" in listed.out


def test_the_drill_from_another_machine(world, pair) -> None:
    tequila, _ = pair
    answers = []
    assert backup.run(backup.Drill(world, tequila, FOLDER, PLACE, "test"), Asked(tequila), answers.append)
    assert [a.status for a in answers] == ["ok", "ok"]
    for answer in (
        checks.recent(tequila, PLACE, ["jellyfin"]),
        checks.proved(tequila, PLACE, ["jellyfin"]),
        checks.readable(tequila, PLACE),
        checks.elsewhere(tequila, [PLACE, "/mnt/backup/restic"], FOLDER),
        checks.has_room(tequila, PLACE, 0),
    ):
        assert answer.status == "ok", answer


def test_the_other_machine_is_off(world, pair) -> None:
    tequila, demoserver = pair
    demoserver.run(["sudo", "service", "ssh", "stop"]).ok()
    answer = checks.recent(tequila, PLACE, ["jellyfin"])
    assert answer.status == "fail"
    assert "demoserver cannot be reached" in answer.evidence
    with pytest.raises(HomelabError, match="cannot be reached"):
        backup.changes(tequila, [FOLDER], PLACE)
    world.apply(Plan("test", second_place.door(tequila, demoserver, PLACE)))
    assert checks.recent(tequila, PLACE, ["jellyfin"]).status == "ok"


def test_the_chapter_prepares_it_by_itself(world, pair) -> None:
    tequila, _ = pair
    tequila.run(["sudo", "rm", "-rf", backup_key.FILE, f"{backup_key.FILE}.pub", backup_key.CONFIG]).ok()
    wish = services.Params(services=["jellyfin"], backups="sftp:demoserver:/root/others")
    care.prepare(world, wish)
    assert not care.prepared(world, wish)
    assert restic.snapshots(tequila, "sftp:demoserver:/root/others") == []
