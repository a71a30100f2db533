"""00: a home that has lost its internet, a line that is slow, and one that lets only small packets through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.checks import reach
from homelab.exercises.exercise import HERE, NOW, Exercise, Typed, every
from homelab.machine import Machine

if TYPE_CHECKING:
    from homelab.world import World

OUTSIDE, SENSOR = "203.0.113.50", "192.168.77.30"  # visitor, on the lab's internet; iot, at home
SLOW = 150.0  # ms, there and back
SMALL, LARGE = 56, 1200  # bytes in a ping; the usual one, and one that must not be cut into pieces
BEST = re.compile(r"min/avg/max/\S+ = ([\d.]+)/")


def home_is_cut_off(world: World) -> Answer:
    """Has the home no internet, is all well inside, and does the flat notice nothing?"""
    return every(
        lambda: reach.unreachable(world["tequila"], OUTSIDE),
        lambda: reach.reaches(world["tequila"], SENSOR, seconds=NOW),
        lambda: reach.reaches(world["phone"], OUTSIDE, seconds=NOW),
    )


@check
def is_far(machine: Machine, address: str, ms: float) -> Answer:
    """Does the quickest of three pings need `ms` milliseconds or more, there and back?"""
    done = machine.run(["ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", address], timeout=10)
    found = BEST.search(done.out)
    said = f"ping {address}: {found[1]} ms at best" if found else f"ping {address}: no answer"
    good = found is not None and float(found[1]) >= ms
    return Answer(f"is {ms:g} ms away", machine.name, "ok" if good else "fail", said)


@check
def only_small_ones(machine: Machine, address: str) -> Answer:
    """Does a small ping come back, and a large one that must stay in one piece does not?"""
    ping = ["ping", "-n", "-M", "do", "-c", "1", "-W", "1"]
    came = {size: bool(machine.run([*ping, "-s", str(size), address])) for size in (SMALL, LARGE)}
    said = ", ".join(f"{size} bytes {'came back' if back else 'did not'}" for size, back in came.items())
    good = came[SMALL] and not came[LARGE]
    return Answer(
        "only small packets pass", machine.name, "ok" if good else "fail", f"ping {address}: {said}"
    )


EXERCISES = (
    Exercise(
        "The home has lost its internet, and inside all is well",
        home_is_cut_off,
        (
            "Look at the map: which one plug is between everybody at home and the internet, and between none of them?",
            "`home_router` has two networks. `./runbook lab link home_router --network internet` shows the one that matters.",
        ),
        (Typed(HERE, "./runbook lab link home_router --network internet --cut"),),
        (Typed(HERE, "./runbook lab link home_router --network internet --mend"),),
    ),
    Exercise(
        f"The phone is {SLOW:g} ms or more away from the internet",
        lambda world: is_far(world["phone"], OUTSIDE, SLOW),
        (
            "A line of the lab can be made slow: `./runbook lab link --help`. Yours may be the phone's own.",
            "A delay is for each way, and a ping goes there and back: half of what you want to see is enough.",
        ),
        (Typed(HERE, "./runbook lab link phone --delay 80"),),
        (Typed(HERE, "./runbook lab link phone --delay 0"),),
    ),
    Exercise(
        "From the phone small packets come through, and large ones vanish",
        lambda world: only_small_ones(world["phone"], OUTSIDE),
        (
            f"How large a packet may be is a property of each stretch of the way, the MTU. `ping -M do -s {LARGE}` sends one that nobody may cut.",
            "Make one stretch narrow that lies between phone and internet: 1000 bytes on the flat's router, say.",
        ),
        (Typed(HERE, "./runbook lab link flat_router --mtu 1000"),),
        (
            Typed(HERE, "./runbook lab link flat_router --mtu 1500"),
            Typed("phone", "ip route flush cache"),  # it remembers for ten minutes that the way was narrow
        ),
    ),
)
