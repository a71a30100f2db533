"""Photos and their database, with a real PostgreSQL: updated, taken back, destroyed and put back."""

from __future__ import annotations

import pytest

from homelab import web
from homelab.clients.immich import Immich
from homelab.clients.photo import evening
from homelab.errors import HomelabError
from homelab.plan import Plan
from homelab.upkeep import backup, recipe, update
from homelab.wait import until

FOLDER, PLACE = "/srv/homelab/immich", "/mnt/backup/restic"
URL, EMAIL, PASSWORD = "http://127.0.0.1:2283", "alice@example.com", "correct horse"
SERVER = "ghcr.io/immich-app/immich-server"
DATABASE = "ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0"
COMPOSE = f"""
name: immich
services:
  immich-server:
    image: {SERVER}:release
    ports: ["2283:2283"]
    environment: {{DB_HOSTNAME: database, DB_USERNAME: postgres, DB_DATABASE_NAME: immich, DB_PASSWORD: "${{DB_PASSWORD}}", REDIS_HOSTNAME: redis}}
    volumes: ["./library:/data"]
    depends_on: {{database: {{condition: service_healthy}}}}
    healthcheck: {{test: [CMD, /usr/src/app/immich, --healthcheck], interval: 1s, retries: 10}}
    restart: unless-stopped
  redis:
    image: docker.io/valkey/valkey:9
  database:
    image: {DATABASE}
    environment: {{POSTGRES_USER: postgres, POSTGRES_DB: immich, POSTGRES_PASSWORD: "${{DB_PASSWORD}}"}}
    volumes: ["./postgres:/var/lib/postgresql/data"]
    healthcheck: {{test: [CMD, pg_isready, -U, postgres, -d, immich], interval: 1s, start_period: 60s}}
    restart: unless-stopped
x-homelab:
  backup:
    folders: [library]
    stop: [immich-server]
    dump:
      service: database
      command: [pg_dump, -U, postgres, --clean, --if-exists, immich]
      restore: [psql, -U, postgres, -d, immich, -q, -v, ON_ERROR_STOP=1]
      file: immich.sql
"""


def seen(machine) -> Immich:
    return Immich(web.session(machine), URL)


class Photographer:
    """Somebody who has one photo there."""

    def __init__(self, machine, photo: bytes) -> None:
        self.machine, self.photo = machine, photo

    def facts(self) -> dict[str, str]:
        server = seen(self.machine)
        until(lambda: self._there(server), bool, "Immich to answer", 60)
        server.log_in(EMAIL, PASSWORD)
        found = server.find("evening.jpg")
        assert server.original(found[0]) == self.photo
        return {"photo": found[0], "bytes": str(len(self.photo)), "count": str(len(found))}

    def fresh(self, before: dict[str, str]) -> str:
        server = seen(self.machine)
        until(lambda: self._there(server), bool, "Immich to answer", 60)
        if server.initialized():
            raise HomelabError("somebody is its admin already")
        return "nobody is its admin yet"

    def _there(self, server: Immich) -> bool:
        try:
            return bool(server.version())
        except HomelabError:
            return False


@pytest.fixture(scope="module")
def photographer(world, tequila):
    """A household that runs Immich 3.0.0, with a photo in it."""
    world.supply("docker-compose", SERVER, DATABASE, "valkey/valkey:9")
    world.publish(f"{SERVER}:v3.0.0", "release")
    tequila.run(["mkdir", "-p", FOLDER]).ok()
    tequila.write_text(f"{FOLDER}/compose.yaml", COMPOSE)
    tequila.write_text(f"{FOLDER}/.env", "DB_PASSWORD=not-shown-anywhere\n", 0o600)
    tequila.run(["sh", "-c", f"cd {FOLDER} && docker compose up -d --wait"], timeout=180).ok()
    world.apply(Plan("test", backup.prepared(tequila, PLACE)))
    server = seen(tequila)
    server.sign_up("Alice", EMAIL, PASSWORD)
    server.log_in(EMAIL, PASSWORD)
    photo = evening(1)
    server.upload("evening.jpg", photo)
    return Photographer(tequila, photo)


def plan(machine, *consent: str) -> Plan:
    changes, notes = update.changes(update.look(machine, FOLDER, PLACE), consent)
    return Plan("test", changes, notes)


@pytest.mark.nightly
def test_a_minor_release_migrates_and_waits_for_consent(world, tequila, photographer) -> None:
    before = photographer.facts()
    assert plan(tequila) == Plan("test")
    world.publish(f"{SERVER}:v3.2.2", "release")
    held = plan(tequila)
    assert not held
    assert "immich-server 3.0.0 → 3.2.2: its database migrates" in held.notes[0]
    world.apply(plan(tequila, "immich-server=3"))
    assert seen(tequila).version() == "3.2.2"
    assert photographer.facts() == before


@pytest.mark.nightly
def test_its_way_back_is_the_old_image_on_the_old_database(world, tequila, photographer) -> None:
    before = photographer.facts()
    upgrade = next(c for c in world.journal.way_back() if c.resource == "release")
    world.apply(Plan("test", (upgrade,)))
    assert seen(tequila).version() == "3.0.0"
    assert photographer.facts() == before
    assert tequila.run(["sh", "-c", f"ls -d {FOLDER}/.aside/*/postgres"]), "what 3.2 wrote is put aside"


def test_the_drill_of_photos_and_database(world, tequila, photographer) -> None:
    answers = []
    assert backup.run(backup.Drill(world, tequila, FOLDER, PLACE, "test"), photographer, answers.append)
    assert [a.status for a in answers] == ["ok", "ok"]


def test_no_password_is_shown_or_kept_in_a_state(tequila, photographer) -> None:
    found = backup.changes(tequila, [FOLDER], PLACE)
    assert "not-shown-anywhere" not in str([c.data() for c in found])
    assert ".env" in recipe.read(tequila, FOLDER).files, (
        "but it is in the backup: the database opens to no other"
    )
