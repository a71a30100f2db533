"""What Tailscale's free Personal plan allows, and whether this tailnet fits.

The numbers are a transcription of the pricing page (https://tailscale.com/pricing) dated
2026-09-20. The talk said 3 users and 100 devices, which was true then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.pictures.tables import Table
from homelab.policy import policyfile

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

DATED = "2026-09-20"


@dataclass(frozen=True)
class Limit:
    """At most `most` of `what`; None is no limit."""

    what: str
    most: int | None


USERS = Limit("users", 6)
DEVICES = Limit("devices of users", None)
TAGGED = Limit("tagged resources", 50)
GROUPS = Limit("groups in the policy", 3)
EPHEMERAL = Limit("minutes a month of ephemeral resources", 1000)


@dataclass(frozen=True)
class Use:
    """How many of each this tailnet has."""

    users: int
    devices: int
    tagged: int
    groups: int
    ephemeral: int = 0

    def counted(self) -> tuple[tuple[Limit, int], ...]:
        """Each limit with what is used of it."""
        return ((USERS, self.users), (DEVICES, self.devices), (TAGGED, self.tagged), (GROUPS, self.groups))

    def over(self) -> list[Limit]:
        """The limits that are passed."""
        return [limit for limit, n in self.counted() if limit.most is not None and n > limit.most]

    def text(self) -> str:
        """Each count with its limit, in one line."""
        parts = [
            f"{limit.what} {n}" + (f" of {limit.most}" if limit.most is not None else " (no limit)")
            for limit, n in self.counted()
        ]
        if self.ephemeral:
            parts.append(f"{self.ephemeral} ephemeral now")
        return ", ".join(parts)


TALK = {USERS: "3", DEVICES: "100", TAGGED: "counted as devices", GROUPS: "–", EPHEMERAL: "–"}


def table() -> Table:
    """What the talk said, and what the pricing page says at `DATED`."""
    rows = tuple(
        (limit.what, TALK[limit], "no limit" if limit.most is None else f"{limit.most:,}") for limit in TALK
    )
    return Table(("free plan: how many", "in the talk", f"on {DATED}"), rows)


def use(tailnet: Tailnet) -> Use:
    """Count, by the admin API.

    Raises:
        HomelabError: the API refuses.
    """
    devices = list(tailnet.call(lambda ts: ts.devices()).values())
    own = [d for d in devices if not d.is_external]  # shared in from elsewhere: they count there
    policy = policyfile.data(tailnet.call(lambda ts: ts.policy_file()).policy)
    users = tailnet.call(lambda ts: ts.users())
    return Use(
        users=len(users),
        devices=sum(1 for d in own if not d.tags),
        tagged=sum(1 for d in own if d.tags),
        groups=len(policy.get("groups", {})),
        ephemeral=sum(1 for d in own if d.is_ephemeral),
    )


@check
def fits_the_free_plan(tailnet: Tailnet) -> Answer:
    """Would the free Personal plan (as of `DATED`) carry this tailnet? Over it is a warning, not a failure."""
    found = use(tailnet)
    over = ", ".join(limit.what for limit in found.over())
    hint = f"over the free plan in {over}; the page may have changed since {DATED}"
    return Answer(
        "fits the free plan", tailnet.name, "warn" if over else "ok", found.text(), hint if over else ""
    )
