"""What a stage leaves behind, without its notebook: its plan, applied in the lab with the parameters that the lab has.

A notebook does more: it tries, breaks and mends, watches a film, makes a backup. None of that is what the next
one needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homelab import stages
from homelab.params import for_stage
from homelab.plan import Plan

if TYPE_CHECKING:
    from homelab.world import World

CHECKOUT = Path(__file__).resolve().parents[1]
FIRST = "00_welcome"  # which changes nothing that lasts
MADE_FROM = ("homelab/**/*.py", "params/**/*", "homelab/**/*.css")


def _films(world: World, wish: Any) -> None:
    world.supply(wish.image)


def _images(world: World, wish: Any) -> None:
    from homelab.stages import services

    services.supply(world, wish)


def _network(world: World, wish: Any) -> None:
    from homelab.stages import subnet_router

    subnet_router.open_network(world)


def _broker(world: World, wish: Any) -> None:
    from homelab.stages import gotchas, services

    services.supply(world, gotchas.BROKER)


# What a notebook asks the lab for before it plans.
BEFORE: Mapping[str, Callable[[World, Any], None]] = {
    "02_jellyfin": _films,
    "04_services": _images,
    "07_subnet_router": _network,
    "10_gotchas": _broker,
}


def before(stage: str, since: str = FIRST) -> list[str]:
    """The stages that `stage` finds done, from `since` on, in order."""
    return [name for name in stages.names() if max(since, "01") <= name < stage]


def planned(world: World, stage: str) -> Plan:
    """The plan of `stage` here and now.

    Raises:
        HomelabError: see the stage.
    """
    module = stages.module(stage)
    wish = module.Params.model_validate(for_stage(world.params, stage))
    if prepare := BEFORE.get(stage):
        prepare(world, wish)
    plan: Plan = module.plan(world, wish)
    return plan


def leave(world: World, stage: str) -> int:
    """Apply the plan of `stage`; how many changes that took.

    Raises:
        HomelabError: see the stage; or a change failed.
    """
    plan = planned(world, stage)
    world.apply(plan)
    return len(plan)


def version() -> str:
    """What a lab is made from by this checkout: with any other, stages may leave something else."""
    total = hashlib.sha256()
    for pattern in MADE_FROM:
        for path in sorted(p for p in CHECKOUT.glob(pattern) if p.is_file()):
            total.update(f"{path.relative_to(CHECKOUT)} ".encode() + path.read_bytes())
    return total.hexdigest()[:16]
