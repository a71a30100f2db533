"""Faults of what is shown to others: a service that lost its sidecar, a page that is no longer public."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from homelab.checks import public
from homelab.checks import services as asks
from homelab.faults.fault import BREAK, MEND, Fault, Looks, turned
from homelab.plan import Plan
from homelab.services import load
from homelab.stages import funnel
from homelab.stages import services as chapter

if TYPE_CHECKING:
    from homelab.world import World

QUIZ = chapter.Params.model_validate({"services": ["quiz"]})
PAGE = funnel.Params.model_construct()


def _sidecar_made_anew(world: World) -> Plan:
    """As `docker compose up` does for one service: the new sidecar has another network, and the quiz lives in the old one."""
    at = chapter.folder(world, QUIZ, "quiz")
    argv = ["docker", "compose", "--project-directory", at, "up", "-d", "--wait"]
    chapter.home(world).run([*argv, "--no-deps", "--force-recreate", "tailscale"], timeout=120).ok()
    return Plan(BREAK)


def _quiz_started_again(world: World, broken: Plan) -> Plan:
    why = "make it anew, in the network of the sidecar that is there now"
    found = chapter.plan(world, QUIZ).part("project")
    return Plan(MEND, tuple(dataclasses.replace(change, why=why) for change in found))


SIDECAR_ALONE = Fault(
    "sidecar-alone",
    "“The quiz is online on the machines page, and its page says: bad gateway. I only updated its Tailscale.”",
    "04_services",
    lambda world, seconds: (
        lambda: asks.lives_with_its_sidecar(chapter.home(world), chapter.folder(world, QUIZ, "quiz")),
        lambda: asks.answers(world["phone"], load("quiz"), seconds),
    ),
    _sidecar_made_anew,
    (
        "The device is there, so its sidecar runs. Does it reach the quiz? They share one network: whose?",
        "`docker inspect -f '{{.HostConfig.NetworkMode}}'` of the quiz's container names a container. Is there one of that id?",
    ),
    mends=_quiz_started_again,
)


def _seen_by(world: World, seconds: float) -> Looks:
    page, words = funnel.url(world, PAGE), funnel.words(PAGE)
    return (
        lambda: public.opens(world["visitor"], page, words, seconds=seconds),
        lambda: public.opens(world["phone"], page, words, seconds=seconds),
    )


FUNNEL_CLOSED = Fault(
    "funnel-closed",
    "“Half the hall can't open the quiz: the site can't be found. On our own phones it works.”",
    "05_funnel",
    _seen_by,
    lambda world: turned(
        world, "tequila", "serve", "show it in the tailnet only", thing=str(PAGE.port), public=False
    ),
    (
        "Look from outside: a phone of ours is inside, and proves nothing about the internet.",
        "`tailscale serve status` on Tequila says behind each page who may see it: tailnet only, or Funnel on.",
    ),
    ("show it to everybody again: serve keeps a page in the tailnet, only funnel opens it",),
)
