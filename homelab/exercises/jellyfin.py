"""02: a cinema that comes back after a power cut, a second one, and a film of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.checks import jellyfin as asks
from homelab.clients.jellyfin import seen_from
from homelab.engine import engine, translated
from homelab.exercises.exercise import CELL, Exercise, Typed, every
from homelab.machine import Machine
from homelab.stages import jellyfin as chapter

if TYPE_CHECKING:
    from homelab.world import World

WISH = chapter.Params.model_construct()
BACK_AGAIN = ("unless-stopped", "always")
SECOND, PORT = "cinema", 8097
FILM = "/srv/jelly/media/Movies/Snow (2024)"
SCAN = Typed(
    CELL,
    "from homelab.stages import jellyfin as chapter\n\nchapter.signed_in(world, chapter.Params()).scan()",
)


@check
def comes_back(machine: Machine, name: str) -> Answer:
    """Does Docker start the container again when the engine starts?"""
    with translated(machine):
        policy = engine(machine).containers.get(name).attrs["HostConfig"]["RestartPolicy"]["Name"]
    status = "ok" if policy in BACK_AGAIN else "fail"
    return Answer(f"{name} comes back", machine.name, status, f"{name}: restart {policy or 'no'}")


@check
def are_two(machine: Machine, *urls: str) -> Answer:
    """Does a server of its own answer at each address? One container can be on two ports."""
    found = {url: seen_from(machine, url).info().id for url in urls}
    good = all(found.values()) and len(set(found.values())) == len(urls)
    said = ", ".join(f"{url} is server {server[:6] or '?'}" for url, server in found.items())
    return Answer("are two", machine.name, "ok" if good else "fail", said)


def second_cinema(world: World) -> Answer:
    """Do two servers answer, one on its own port and one on `PORT`?"""
    place, first, second = chapter.home(world), chapter.url(world, WISH), f"http://127.0.0.1:{PORT}"
    return every(
        lambda: asks.healthy(place, first),
        lambda: asks.healthy(place, second),
        lambda: are_two(place, first, second),
    )


def shows_snow(world: World) -> Answer:
    """Does the library have the film *Snow*?"""
    account = chapter.account(world, WISH)
    return asks.has_films(chapter.home(world), chapter.url(world, WISH), account, "Snow")


EXERCISES = (
    Exercise(
        "After a power cut the cinema comes back by itself",
        lambda world: comes_back(chapter.home(world), chapter.CONTAINER),
        (
            "Docker starts containers again if it was told to, container by container. The talk's command does not tell it.",
            "It need not be made anew: `docker update --help`, and look for the restart policy.",
        ),
        (Typed(chapter.ROLE, f"docker update --restart unless-stopped {chapter.CONTAINER}"),),
        (Typed(chapter.ROLE, f"docker update --restart no {chapter.CONTAINER}"),),
    ),
    Exercise(
        f"A second cinema answers on port {PORT}",
        second_cinema,
        (
            "The talk's command again, with another name and other folders. What else can there be only one of on a machine?",
            f"In `-p A:B` the first is the machine's port and the second the container's, which is a world of its own: `-p {PORT}:8096`.",
        ),
        (
            Typed(
                chapter.ROLE,
                f"docker run -d --name {SECOND} -p {PORT}:8096 "
                f"-v /srv/{SECOND}/config:/config -v /srv/{SECOND}/media:/media jellyfin/jellyfin",
            ),
        ),
        (Typed(chapter.ROLE, f"docker rm -f {SECOND}"), Typed(chapter.ROLE, f"rm -r /srv/{SECOND}")),
    ),
    Exercise(
        "A film of yours called Snow (2024) is in the library",
        shows_snow,
        (
            f"A film is a file in a folder of its own name: `{FILM}`. The line that made the test pattern stands in the plan.",
            "It lies there and Jellyfin does not know? It looks when it is told: `jellyfin.signed_in(world, wish).scan()` in a cell.",
        ),
        (
            Typed(
                chapter.ROLE,
                f"mkdir -p '{FILM}'\n"
                'ffmpeg -nostdin -v error -y -f lavfi -i "nullsrc=size=320x180:duration=5,geq=random(1)*255:128:128" '
                f"'{FILM}/Snow (2024).mp4'",
            ),
            SCAN,
        ),
        (Typed(chapter.ROLE, f"rm -r '{FILM}'"), SCAN),
    ),
)
