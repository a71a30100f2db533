"""03, enrollment: what the lab's wires can be made to do, and back to how they were."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homelab import history
from homelab.lab_machine import LabMachine
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import link
from homelab.vantage import seat

if TYPE_CHECKING:
    from homelab.world import World

STAGE = "03_enrollment"
ONLY_THE_LAB = "Only the lab's routers can be turned into worse ones."


def turned(world: World, role: str, network: str = "", **wanted: Any) -> Plan:
    """The wire of `role` on `network` (its way out by default) as `wanted`, by the names of `link.State`."""
    place = seat(world, role)
    if not isinstance(place, LabMachine):
        return Plan(STAGE, notes=(ONLY_THE_LAB,))
    now = link.read(place, network)
    after = replace(now, **wanted)
    return planned(STAGE, change(role, "link", now, after, _why(now, after), name=now.network))


def as_it_was(world: World) -> Plan:
    """Every wire that this chapter has turned and not turned back, as it found it, whoever turned it further since."""
    entries = [e for e in world.journal.entries() if e.change.resource == "link" and e.stage == STAGE]
    first: dict[history.Thing, Change] = {}
    for turn in history.standing(entries):
        first.setdefault(history.thing(turn), turn)
    changes: list[Change] = []
    for was in first.values():
        place = seat(world, was.machine)
        if isinstance(place, LabMachine):
            now = link.read(place, was.name)
            changes += change(was.machine, "link", now, was.before, "the wire as it was", name=was.name)
    return planned(STAGE, changes)


def _why(now: link.State, after: link.State) -> str:
    """The reason of a change, which is what it does."""
    parts = {
        "nat": f"make the NAT {after.nat}",
        "udp": "block UDP" if after.udp == "block" else "let UDP pass",
        "delay_ms": f"delay what leaves by {after.delay_ms:g} ms" if after.delay_ms else "delay nothing",
        "loss_pct": f"lose {after.loss_pct:g} % of what leaves" if after.loss_pct else "lose nothing",
        "mtu": f"let packets of at most {after.mtu} bytes pass",
        "cut": "cut the wire" if after.cut else "mend the wire",
    }
    return ", ".join(words for name, words in parts.items() if getattr(now, name) != getattr(after, name))
