"""A watch's facts of a real node, a real engine and a real certificate: what is served, what runs, what is new."""

from __future__ import annotations

from datetime import datetime

import pytest

from homelab import needs
from homelab.plan import Plan, plan
from homelab.stages import services_care
from homelab.stages.services import Params as Services
from homelab.upkeep import backup, restic
from homelab.watch.facts import gather
from homelab.world import open_world

pytestmark = [pytest.mark.lab, pytest.mark.nightly]
LABEL = "com.docker.compose"
RUN = ["docker", "run", "-d", "--label", f"{LABEL}.project.working_dir=/srv/films", "--label", f"{LABEL}.service=films"]  # fmt: skip


def test_key_certificate_image_and_clock_of_tequila() -> None:
    world = open_world("lab")
    try:
        tequila = world["tequila"]
        world.apply(plan("x", needs.missing(world, [needs.engine("tequila"), needs.joined("tequila")])))
        world.apply(plan("x", needs.certificates(world)))
        world.supply("jellyfin/jellyfin:12.3")
        world.publish("jellyfin/jellyfin:12.3", "12")
        tequila.run([*RUN, "jellyfin/jellyfin:12"], timeout=120).ok()
        tequila.run(["sudo", "tailscale", "serve", "--bg", "8096"]).ok()
        before = gather(world, "2026-11-27T03:30:00+01:00")["machines"]["tequila"]
        world.supply("jellyfin/jellyfin:12.4")
        world.publish("jellyfin/jellyfin:12.4", "12")
        after = gather(world, "2026-11-28T03:30:00+01:00")["machines"]["tequila"]
    finally:
        world.close()
    assert [(i["project"], i["version"], i["pending"]) for i in before["images"]] == [
        ("films", "12.3", False)
    ]
    assert [i["pending"] for i in after["images"]] == [True]
    (certificate,) = before["certificates"]
    assert certificate["host"].startswith("tequila.")
    assert certificate["expires"]
    assert before["key"]["node"] == "tequila"
    assert before["clock"]["status"] == "ok"
    assert before["vhdx"] == []
    assert any(disk["mount"] == "/" for disk in before["disks"])


def test_the_last_backup_and_the_last_proved_restore_are_the_repositorys(world) -> None:
    """Of a real repository of restic: the newest of each kind, and a proof is no backup."""
    tequila, wish = world["tequila"], Services()
    place = services_care.place(world, wish)
    world.apply(Plan("x", backup.prepared(tequila, place)))
    tequila.run(["mkdir", "-p", *(f"/srv/homelab/{name}" for name in ("jellyfin", "quiz"))]).ok()
    for name in ("jellyfin", "quiz"):
        tequila.write_text(f"/srv/homelab/{name}/compose.yaml", f"name: {name}\n")
    assert [b["last"] for b in gather(world, "now")["backups"]] == [None, None]
    for day, *tags in (("24", "jellyfin"), ("26", "jellyfin"), ("20", "quiz"), ("25", restic.PROVED, restic.proof_tag("jellyfin"))):  # fmt: skip
        tagged = [word for tag in tags for word in ("--tag", tag)]
        when = ["--time", f"2026-11-{day} 03:30:00"]
        tequila.run(restic.argv(place, "backup", *tagged, *when, "/etc/hostname"), timeout=60).ok()
    found = {b["service"]: b for b in gather(world, "now")["backups"]}
    days = {n: tuple(b[k] and b[k][:10] for k in ("last", "proved")) for n, b in found.items()}
    assert days == {"jellyfin": ("2026-11-26", "2026-11-25"), "quiz": ("2026-11-20", None)}
    assert {b["place"] for b in found.values()} == {place}
    at = datetime.fromisoformat(found["jellyfin"]["last"])
    assert at == datetime.fromtimestamp(int(tequila.run(["date", "-d", "2026-11-26 03:30", "+%s"]).ok().out)).astimezone()  # fmt: skip
