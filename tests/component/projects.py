"""A Jellyfin project without a sidecar, for tests of backups and updates; and who asks the server."""

from __future__ import annotations

from homelab import web
from homelab.clients.jellyfin import Jellyfin
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources import film
from homelab.upkeep.backup import Facts

FOLDER, PLACE = "/srv/homelab/jellyfin", "/mnt/backup/restic"
URL, USER, PASSWORD = "http://127.0.0.1:8096", "alice", "correct horse"
# `config/ill` names the release that this household's health question says no to.
COMPOSE = """
name: jellyfin
services:
  jellyfin:
    image: jellyfin/jellyfin:latest
    ports: ["8096:8096"]
    volumes: ["./config:/config", "./media:/media:ro"]
    healthcheck:
      test: [CMD-SHELL, 'test "$$HOMELAB_VERSION" != "$$(cat /config/ill 2>/dev/null)" && /jellyfin/jellyfin --healthcheck']
      interval: 1s
      retries: 3
      start_period: 1s
    restart: unless-stopped
x-homelab:
  backup: {folders: [config], stop: [jellyfin]}
"""


def start(machine: Machine) -> Jellyfin:
    """The project, up, with a user, a library, and a place in a film."""
    machine.run(["mkdir", "-p", FOLDER]).ok()
    machine.write_text(f"{FOLDER}/compose.yaml", COMPOSE)
    up(machine)
    path = film.path_in(f"{FOLDER}/media/Movies", "Colour Bars")
    film.do(machine, film.read(machine, path), film.State(True, "Colour Bars", path))
    server = seen(machine)
    server.wizard(USER, PASSWORD)
    server.login(USER, PASSWORD)
    if server.add_library("Films", "/media/Movies"):
        server.scan()
    server.stopped_at(server.films()[0], 3.0)
    return server


def up(machine: Machine) -> None:
    machine.run(["sh", "-c", f"cd {FOLDER} && docker compose up -d --wait"], timeout=120).ok()


def seen(machine: Machine) -> Jellyfin:
    return Jellyfin(web.session(machine), URL)


def serves(machine: Machine) -> bool:
    return seen(machine).healthy()


class Asked:
    """The server's user, who asks before and after."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def facts(self) -> Facts:
        server = seen(self.machine)
        info = server.wait(30)
        server.login(USER, PASSWORD)
        films = server.films()
        return {
            "id": info.id,
            "users": ", ".join(u.name for u in server.users()),
            "films": ", ".join(f.name for f in films),
            "place": f"{server.watched(films[0]).position:g} s",
        }

    def fresh(self, before: Facts) -> str:
        info = seen(self.machine).wait(30)
        if info.id == before["id"] or info.wizard_done:
            raise HomelabError("it is still the same server")
        return f"id {info.id}, the first-run wizard waits"
