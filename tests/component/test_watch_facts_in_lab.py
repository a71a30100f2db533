"""A watch's facts of a real node, a real engine and a real certificate: what is served, what runs, what is new."""

from __future__ import annotations

import pytest

from homelab import needs
from homelab.plan import plan
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
