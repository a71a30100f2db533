"""Where one may look from: a machine of this world, or a place that this world does not have.

A notebook asks the same questions everywhere. A home without a phone, or without an admin API
key, does not fail them: the answer is *skip*, and says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from homelab.errors import PrerequisiteMissing
from homelab.machine import TIMEOUT, Machine, Pending, Watch
from homelab.person import Person, Reader

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet
    from homelab.world import World


# What the lab plays besides the machines that somebody may have at home.
LABS_OWN = ("cloud", "visitor", "relay", "recorder", "home_router", "flat_router")
RENTED = re.compile(r"^[a-z]{2}_[a-z]{3}_wg_\d+$")


class Nobody:
    """A place that this world lacks; `why` says so. Everything that is asked of it is refused."""

    def __init__(self, name: str, why: str, hint: str = "") -> None:
        self.name, self.about, self.why, self.hint = name, why, why, hint
        self.person: Person = Reader()
        self.pending = Pending()

    def _refuse(self) -> NoReturn:
        raise PrerequisiteMissing(self.why, self.name, self.hint)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> NoReturn:
        """Refused; see the class."""
        self._refuse()

    def read_text(self, path: str) -> NoReturn:
        """Refused; see the class."""
        self._refuse()

    def write_text(self, path: str, text: str, mode: int = 0o644) -> NoReturn:
        """Refused; see the class."""
        self._refuse()

    def call(self, ask: Any) -> NoReturn:
        """Refused; see the class."""
        self._refuse()


def seat(world: World, role: str) -> Machine:
    """The machine that plays `role`, or `Nobody`."""
    if role in world.machines:
        return world.machines[role]
    if role in LABS_OWN or RENTED.match(role):
        return Nobody(role, f"only the lab has a machine that plays {role!r}")
    hint = f"name it under `machines` in {world.params.path.name}"
    return Nobody(role, f"no machine plays {role!r} in this world", hint)


def admin(world: World) -> Tailnet | Nobody:
    """The tailnet as its admin sees it, or `Nobody` where there is no admin API key."""
    if world.tailnet is not None:
        return world.tailnet
    return Nobody("tailnet", "needs an admin API key", f"set api_key in {world.params.path.name}")


def tailnet(world: World) -> Tailnet:
    """As `admin`, for whoever cannot go on without it.

    Raises:
        PrerequisiteMissing: there is no admin API key.
    """
    found = admin(world)
    if isinstance(found, Nobody):
        found._refuse()
    return found
