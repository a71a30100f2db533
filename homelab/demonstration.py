"""A change for a lesson: made for as long as it is looked at, and taken back also when the look fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from homelab.errors import HomelabError
from homelab.plan import Plan, matches, resource

if TYPE_CHECKING:
    from homelab.world import World


@contextmanager
def for_a_moment(world: World, *plans: Plan) -> Iterator[None]:
    """Apply `plans`, and take them back at the end of the block, last first, however it ends.

    What the block itself put back is left alone. If taking back fails after the block has failed,
    that failure is shown among the outcomes, and the block's own one is what is raised.

    Raises:
        StalePlan, ApplyFailed: a change could not be made, or not be taken back.
    """
    begun: list[Plan] = []
    try:
        for plan in plans:
            begun.append(plan)
            world.apply(plan)
        yield
    finally:
        if world.applies:
            _take_back(world, begun, failing=sys.exc_info()[0] is not None)
        else:  # planned there and back: in the whole it counts for nothing
            for plan in reversed(begun):
                world.apply(plan.inverse())


def _take_back(world: World, begun: list[Plan], failing: bool) -> None:
    first: HomelabError | None = None
    for plan in reversed(begun):
        for change in reversed(plan.changes):
            now = resource(change.resource).read(world.place(change.machine), change.name)
            if matches(now, change.before):
                continue
            try:
                world.apply(Plan(plan.stage, (change.inverse(),)))
            except HomelabError as error:  # the others have to be taken back all the same
                first = first or error
    if first and not failing:
        raise first
