"""Updates: states and offers in, plan out. No machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from homelab.plan import Change, Later, Plan
from homelab.resources import release, restored, snapshot
from homelab.upkeep import releases, update
from homelab.upkeep.recipe import Recipe
from homelab.upkeep.releases import Container, Image
from homelab.upkeep.update import Look, Offer

PLACE, FOLDER = "/mnt/backup/restic", "/srv/homelab/jellyfin"
NAME = f"{FOLDER} in {PLACE}"
HOW = Recipe(FOLDER, ("config",), ("compose.yaml", ".env"), ("jellyfin",)).word()


def image(version: str, repository: str = "jellyfin/jellyfin") -> Image:
    return Image(repository, f"sha256:{version.encode().hex():0<64}", version)


def offer(
    service: str, old: Image, new: Image, reference: str = "", was: str = "", problem: str = ""
) -> Offer:
    reference = reference or f"{old.repository}:latest"
    return Offer(service, reference, Container(service, was or reference, old), new, problem)


def look(*offers: Offer, well: bool = True, held: tuple[str, ...] = (), unfinished: str = "") -> Look:
    images = tuple(sorted(f"{o.service}={o.runs.image.pinned}" for o in offers))
    references = tuple(f"{o.service}={o.reference}" for o in offers)
    versions = tuple(f"{o.service} {o.runs.image.word()}" for o in offers)
    return Look(
        "tequila",
        NAME,
        release.State("jellyfin", images, well, versions, "abc", 2, PLACE, HOW, references),
        snapshot.State("jellyfin", PLACE, 3, "abc", host="tequila", how=HOW, images=images),
        restored.State("jellyfin", PLACE, 2, "old", unfinished, HOW),
        offers,
        held,
    )


SIDECAR = offer("tailscale", image("1.92", "tailscale/tailscale"), image("1.92", "tailscale/tailscale"))


def test_nothing_new_is_no_change() -> None:
    assert update.changes(look(offer("jellyfin", image("12.4"), image("12.4")), SIDECAR)) == ((), ())


def test_a_backup_comes_before_the_upgrade() -> None:
    found, notes = update.changes(look(offer("jellyfin", image("12.3"), image("12.4")), SIDECAR))
    assert [c.resource for c in found] == ["snapshot", "release"]
    assert notes == ()
    first, second = found
    assert (first.before.snapshots, first.after.snapshots) == (3, 4)
    assert isinstance(first.after.latest, Later)
    assert second.why == "upgrade jellyfin 12.3 → 12.4"
    assert second.command == f"cd {FOLDER} && docker compose pull && docker compose up -d --wait"
    assert f"jellyfin={image('12.4').pinned}" in second.after.images
    assert f"tailscale={SIDECAR.runs.image.pinned}" in second.after.images
    text = Plan("x", found).text()
    assert "jellyfin: 12.3 → 12.4" in text
    assert "tailscale:" not in text.split("upgrade jellyfin")[1].split("\n")[1]


def test_a_plan_of_updates_is_plain_json() -> None:
    found, _ = update.changes(look(offer("jellyfin", image("12.3"), image("12.4"))))
    plan = Plan("04_services", found)
    assert Plan.load(json.loads(json.dumps(plan.data()))).changes == plan.changes


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("10.11.6", "12.4", "set consent: [jellyfin=12]"),
        ("10.9.11", "12.4", "10.10.7 first"),
        ("12.4", "12.3", "older"),
    ],
)
def test_what_may_not_be_done_is_held_back_with_the_reason(old: str, new: str, said: str) -> None:
    found, notes = update.changes(look(offer("jellyfin", image(old), image(new))))
    assert found == ()
    assert said in notes[0]
    assert f"{old} → {new}" in notes[0]


def test_consent_lets_a_major_through_but_not_what_is_refused() -> None:
    major = look(offer("jellyfin", image("10.11.6"), image("12.4")))
    assert [c.resource for c in update.changes(major, ["jellyfin=12"])[0]] == ["snapshot", "release"]
    assert update.changes(major, ["immich"])[0] == ()
    old = look(offer("jellyfin", image("10.9.11"), image("12.4")))
    assert update.changes(old, ["jellyfin"])[0] == ()


def test_what_is_held_back_is_not_pulled_with_the_rest() -> None:
    server = offer("immich-server", image("3.0.1", "ghcr.io/immich-app/immich-server"), image("3.0.2", "ghcr.io/immich-app/immich-server"))  # fmt: skip
    database = offer(
        "database", image("15.1", "postgres"), image("17.1", "postgres"), "postgres:17", "postgres:15"
    )
    found, notes = update.changes(look(server, database))
    assert found[-1].command.split(" && ")[1] == "docker compose pull immich-server"
    assert f"database={database.runs.image.pinned}" in found[-1].after.images
    assert len(notes) == 1
    assert "PostgreSQL 15 → 17 is not done by a pull" in notes[0]


def test_immich_is_held_back_with_a_database_that_it_cannot_read() -> None:
    repository = "ghcr.io/immich-app/immich-server"
    server = offer("immich-server", image("2.7.5", repository), image("3.0.0", repository))
    old = "tensorchord/pgvecto-rs:pg14-v0.2.0"
    database = offer(
        "database", image("14", "tensorchord/pgvecto-rs"), image("14", "tensorchord/pgvecto-rs"), old
    )
    found, notes = update.changes(look(server, database), ["immich-server"])
    assert found == ()
    assert "no longer reads pgvecto.rs" in notes[0]


def test_a_release_that_was_ill_here_is_not_tried_again_unasked() -> None:
    bad = image("12.4")
    seen = look(offer("jellyfin", image("12.3"), bad), held=(f"jellyfin={bad.pinned}",))
    found, notes = update.changes(seen)
    assert found == ()
    assert "did not get healthy here before" in notes[0]
    assert update.changes(seen, ["jellyfin"])[0]


def test_a_registry_that_is_away_is_said_and_stops_nothing_else() -> None:
    away = offer(
        "jellyfin", image("12.3"), image("12.3"), problem="nobody answers at registry-1.docker.io:443"
    )
    other = offer("tailscale", image("1.90", "tailscale/tailscale"), image("1.92", "tailscale/tailscale"))
    found, notes = update.changes(look(away, other))
    assert found[-1].why == "upgrade tailscale 1.90 → 1.92"
    assert notes == ("Not known for jellyfin: nobody answers at registry-1.docker.io:443.",)


def test_an_upgrade_that_was_cut_off_is_finished_without_a_backup_of_its_middle() -> None:
    seen = look(offer("jellyfin", image("12.4"), image("12.4")), well=False)
    found, _ = update.changes(seen)
    assert [c.resource for c in found] == ["release"]
    assert found[0].after.well
    assert "docker compose pull && docker compose down && docker compose up -d --wait" in found[0].command


def test_a_restore_that_was_cut_off_comes_first_and_alone() -> None:
    found, _ = update.changes(look(offer("jellyfin", image("12.3"), image("12.4")), unfinished="beef"))
    assert [c.resource for c in found] == ["restored"]
    assert (found[0].after.snapshot, found[0].after.times, found[0].after.unfinished) == ("beef", 3, "")


def test_the_way_back_is_the_old_image_with_the_old_data() -> None:
    (_, upgrade), _ = update.changes(look(offer("jellyfin", image("12.3"), image("12.4"))))
    # as the journal keeps it: what was there, and what was reached, both as read after the backup
    now, reached = replace(upgrade.before, snapshot="new1"), replace(upgrade.after, snapshot="new1")
    back = Change("tequila", "release", upgrade.why, now, reached, NAME).inverse().command
    old = image("12.3").pinned
    assert f"docker tag {old} jellyfin/jellyfin:latest" in back
    assert "restore new1 --target .restoring --verify" in back
    assert (
        back.index("restore new1")
        < back.index("docker compose down")
        < back.index("sudo mv config .aside/3/config")
    )
    assert back.rstrip(" )\n").endswith("docker compose up -d --wait --pull never")


@pytest.mark.parametrize(
    ("reference", "config", "wanted"),
    [
        ("jellyfin/jellyfin", {"Labels": {releases.VERSION: "12.4"}}, "12.4"),
        ("ghcr.io/immich-app/immich-server:release", {"Labels": {releases.VERSION: "v3.0.1"}}, "3.0.1"),
        ("postgres:17", {"Env": ["PG_MAJOR=17", "PG_VERSION=17.2-1.pgdg120+1"]}, "17.2-1.pgdg120+1"),
        ("eclipse-mosquitto:2", {}, "2"),
        ("a/b:stable", {"Labels": None, "Env": None}, ""),
        ("a/b", {}, ""),
    ],
)
def test_an_image_tells_its_version(reference: str, config: dict[str, object], wanted: str) -> None:
    assert releases.version_of(reference, config) == wanted


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("jellyfin/jellyfin", "jellyfin/jellyfin"), ("docker.io/valkey/valkey:9", "valkey/valkey"),
        ("docker.io/library/postgres:15@sha256:ab", "postgres"), ("localhost:5000/a/b:1", "localhost:5000/a/b"),
        ("ghcr.io/a/b:x", "ghcr.io/a/b"), ("index.docker.io/a/b", "a/b"),
    ],
)  # fmt: skip
def test_docker_leaves_its_hub_unsaid(reference: str, name: str) -> None:
    assert releases.name_of(reference) == name
    described = {"RepoDigests": [f"{name}@sha256:1"], "Config": {}}
    assert releases.of_local(reference, described).pinned == f"{name}@sha256:1"
