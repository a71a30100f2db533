"""05: who may see what: all of it, by path, by port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.exercises.exercise import Exercise, Typed, every
from homelab.exercises.services import has_another_page, has_the_quiz
from homelab.machine import Machine
from homelab.stages import funnel as chapter

if TYPE_CHECKING:
    from homelab.world import World

WISH = chapter.Params.model_construct()
PATH, OTHER = "/hello", 8443
EVERYBODY = Typed(chapter.ROLE, f"tailscale funnel --bg {WISH.to}")


@check
def stays_shut(machine: Machine, url: str) -> Answer:
    """Is there no answer at `url`, whether its name is known or not?"""
    done = machine.run(["curl", "-sS", "-m", "5", "-o", "/dev/null", url])
    said = done.err.strip() or "it was answered"
    return Answer("stays shut", machine.name, "fail" if done else "ok", f"{url}: {said}")


def only_ours(world: World) -> Answer:
    """Is the quiz there for the phone, and not for the internet?"""
    url = chapter.url(world, WISH)
    return every(lambda: stays_shut(world["visitor"], url), lambda: has_the_quiz(world["phone"], url))


def two_public_pages(world: World) -> Answer:
    """Does a visitor get a page of yours, and the quiz?"""
    url, visitor = chapter.url(world, WISH), world["visitor"]
    return every(lambda: has_another_page(visitor, f"{url}{PATH}"), lambda: has_the_quiz(visitor, url))


def two_doors(world: World) -> Answer:
    """Is one port for the internet, and the other for the tailnet only?"""
    url, visitor = chapter.url(world, WISH), world["visitor"]
    return every(
        lambda: stays_shut(visitor, url),
        lambda: has_the_quiz(world["phone"], url),
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
