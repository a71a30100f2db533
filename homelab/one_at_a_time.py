"""Whoever changes a world is alone meanwhile, by its lock: at a home the second is refused, in a lab it waits.

Two kernels that log the same machine in at once would each end the other's login. What was planned before the wait
is done as far as it is not done by then: see `homelab.world.World.apply`.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from homelab import home_lock, labsocket
from homelab.record import say

if TYPE_CHECKING:
    from homelab.world import World


class OneAtATime:
    """``with world.alone:`` nobody else changes `world`, and what is applied inside is applied under the same hold.

    Raises:
        HomeBusy, PrerequisiteMissing: see `home_lock.HomeLock.held`; in a lab who is busy is waited for.
        LabError: the lab is gone.
    """

    def __init__(self, world: World) -> None:
        self._world, self._depth, self._hold = world, 0, ExitStack()

    def __enter__(self) -> None:
        if not self._depth:
            self._take()
        self._depth += 1

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._hold.close()

    def _take(self) -> None:
        world = self._world
        lock = home_lock.HomeLock(world.journal.path.with_suffix(".lock"))
        if not world.lab:
            self._hold.enter_context(home_lock.to_change(lock, world.run))
            return
        if not lock.place.parent.is_dir():  # it would be made again, and be nobody's
            raise labsocket.gone(lock.place.parent)
        self._hold.enter_context(lock.held(True, world.run, _said))


def _said(who: str) -> None:
    say(
        f"Another is at work on this lab: {who}. This waits until it is done; to wait no longer, interrupt it."
    )
