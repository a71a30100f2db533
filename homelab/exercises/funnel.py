"""05: who may see what: all of it, by path, by port."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from homelab.check import Answer, check
from homelab.checks import reach
from homelab.exercises.exercise import NOW, Exercise, Typed, every
from homelab.exercises.services import has_another_page, has_the_quiz
from homelab.machine import Machine
from homelab.resources import serve
from homelab.stages import funnel as chapter
from homelab.stages.welcome import address

if TYPE_CHECKING:
    from homelab.world import World

WISH = chapter.Params.model_construct()
PATH, OTHER = "/hello", 8443
EVERYBODY = Typed(chapter.ROLE, f"tailscale funnel --bg {WISH.to}")


@check
def stays_shut(machine: Machine, url: str, front: str) -> Answer:
    """Is there no answer at `url` by Funnel's front end at the address `front`, whether its name is known or not?

    Whoever is in the tailnet knows a second address of that name, and would come in by it.
    """
    way = ["--resolve", f"{urlsplit(url).hostname}:{WISH.port}:{front}"]
    done = machine.run(["curl", "-sS", "-m", "5", "-o", "/dev/null", *way, url])
    said = done.err.strip() or "it was answered"
    return Answer("stays shut", machine.name, "fail" if done else "ok", f"{url}: {said}")


@check
def is_public(machine: Machine, port: int, wanted: bool) -> Answer:
    """Has the machine opened `port` to the internet, or not, as `wanted`?"""
    public = serve.read(machine, str(port)).public
    said = f"Funnel is {'on' if public else 'off'} for port {port}"
    return Answer("is public", machine.name, "ok" if public == wanted else "fail", said)


def _shut(world: World) -> Answer:
    """Is the quiz's port shut to a visitor who gets as far as Funnel's front end?"""
    visitor, front = world[chapter.VISITOR], address(world, chapter.RELAY)
    return every(
        lambda: stays_shut(visitor, chapter.url(world, WISH), front),
        lambda: is_public(chapter.home(world), WISH.port, False),
        lambda: reach.reaches(visitor, f"{front}:{WISH.port}", NOW),
    )


def only_ours(world: World) -> Answer:
    """Is the quiz there for the phone, and not for the internet?"""
    url = chapter.url(world, WISH)
    return every(lambda: _shut(world), lambda: has_the_quiz(world["phone"], url))


def two_public_pages(world: World) -> Answer:
    """Does a visitor get a page of yours, and the quiz?"""
    url, visitor = chapter.url(world, WISH), world["visitor"]
    return every(
        lambda: has_another_page(visitor, f"{url}{PATH}"),
        lambda: has_the_quiz(visitor, url),
        lambda: is_public(chapter.home(world), WISH.port, True),  # a visitor may be in the tailnet: 03.3
    )


def two_doors(world: World) -> Answer:
    """Is one port for the internet, and the other for the tailnet only?"""
    url, visitor = chapter.url(world, WISH), world["visitor"]
    return every(
        lambda: _shut(world),
        lambda: has_the_quiz(world["phone"], url),
        lambda: is_public(chapter.home(world), OTHER, True),
        lambda: has_the_quiz(visitor, f"{url}:{OTHER}"),
    )


EXERCISES = (
    Exercise(
        "The quiz is for the tailnet only again",
        only_ours,
        (
            "One verb opens a port to the world, another one to your own devices. Both mean the same port.",
            f"What was `funnel` becomes `serve`, on tequila, with the same target: `{WISH.to}`. Read what it says that it removes.",
        ),
        (Typed(chapter.ROLE, f"tailscale serve --bg {WISH.to}"),),
        (EVERYBODY,),
    ),
    Exercise(
        f"A visitor finds a page of yours at {PATH}, and the quiz at /",
        two_public_pages,
        (
            "One port, several paths. Public is the port and not the path, so use the verb that leaves it so.",
            "`tailscale funnel --help`, on tequila: `--set-path`, and a target that is a mere `text:`.",
        ),
        (Typed(chapter.ROLE, f"tailscale funnel --bg --set-path={PATH} text:hello"),),
        (Typed(chapter.ROLE, f"tailscale funnel --set-path={PATH} off"),),
    ),
    Exercise(
        f"Two doors: the world comes in by {OTHER}, and {WISH.port} is for the tailnet",
        two_doors,
        (
            "Funnel takes three ports, and each is public or not for itself.",
            f"First `serve` on {WISH.port}, then `funnel` with `--https={OTHER}`, both to the quiz's port {WISH.to}.",
        ),
        (
            Typed(
                chapter.ROLE,
                f"tailscale serve --bg {WISH.to}\ntailscale funnel --bg --https={OTHER} {WISH.to}",
            ),
        ),
        (Typed(chapter.ROLE, f"tailscale funnel --https={OTHER} off\ntailscale funnel --bg {WISH.to}"),),
    ),
)
