"""Who reaches what: packets from real nodes to real places, beside what the tailnet's policy should allow.

Rows are classes of sources (a person's device, a tag, somebody of another tailnet, somebody without
Tailscale), each by a machine that stands for it; columns are places. The picture is
`homelab.pictures.matrix`, the check `homelab.checks.policy`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

from homelab.machine import Machine
from homelab.policy import policyfile
from homelab.policy.allowed import Node, Verdict
from homelab.policy.nodes import nodes
from homelab.reach.cells import Cell, Reach, Source, Target
from homelab.reach.device_seat import device_seat
from homelab.reach.point import Point, look
from homelab.reach.probe import Seen, probe
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.world import World

__all__ = ["Cell", "Reach", "Source", "Target", "who_reaches_what"]

# Seconds that a packet may take, tried twice: a relay answers in a tenth of that.
FIRST, QUICK = 0.35, 0.6
# Seconds until a policy that was just changed is in force everywhere: nodes that see each other anew
# repeat a WireGuard handshake that came too early after five.
PATIENCE = 8.0
MOST = 6  # places that are tried where none are given
KNOWN = ("phone", "tequila", "demoserver", "visitor")  # who stands for a class, if several can
Pair = tuple[int, int]  # a source and a target, by their numbers


def who_reaches_what(
    world: World,
    vantages: Sequence[str] = (),
    targets: Sequence[Target] = (),
    patience: float = PATIENCE,
    called: Mapping[str, str] | None = None,
) -> Reach:
    """Send packets from each of `vantages` to each of `targets`, all at once.

    A vantage point is a machine of the world, or a device on one, such as ``quiz`` in its container.
    `called` gives some of them the names by which a reader knows them, such as whose laptop it plays.

    By default: two devices of each class and one that is in no tailnet; to SSH and HTTPS of one device
    of each class. Only looks: it sends packets to what it is told and changes nothing. Where
    packets and policy disagree it asks again for up to `patience` seconds, since a new policy takes its
    time to come to every node; then that is what it says.

    Raises:
        HomelabError: the admin API or a machine does not answer.
    """
    known = nodes(world.tailnet) if world.tailnet else []
    policy = (
        policyfile.data(world.tailnet.call(lambda ts: ts.policy_file()).policy) if world.tailnet else None
    )
    with ThreadPoolExecutor(32) as pool:
        points = list(pool.map(lambda name: look(_seat(world, name), known), vantages or _vantages(world)))
        points = points if vantages else _one_of_each([*points, *_devices(world, known, points)])
        places = tuple(targets) or _targets(known, points)
        asked: dict[Pair, tuple[str, int]] = {}
        should: dict[Pair, Verdict] = {}
        for (i, point), (j, place) in product(enumerate(points), enumerate(places)):
            address = point.address(place.machine, known, world.machines.get(place.machine))
            if address and place.machine != point.name and point.there:
                asked[i, j] = address, place.port
                should[i, j] = None if policy is None else point.should(policy, known, address, place.port)
        seen = _ask(pool, [p.machine for p in points], asked, should, patience)
    return Reach(
        tuple(Source((called or {}).get(p.name, p.name), p.kind) for p in points),
        places,
        tuple(
            tuple(Cell(seen.get((i, j), ""), should.get((i, j))) for j in range(len(places)))
            for i in range(len(points))
        ),
    )


def _ask(
    pool: ThreadPoolExecutor,
    machines: Sequence[Machine],
    asked: Mapping[Pair, tuple[str, int]],
    should: Mapping[Pair, Verdict],
    patience: float,
) -> dict[Pair, Seen]:
    """The answers: a packet that gets none is sent twice, and where the policy says otherwise for longer."""
    seen: dict[Pair, Seen] = {}

    def round_of(pairs: Sequence[Pair], seconds: float) -> None:
        rows: dict[int, list[Pair]] = {}
        for pair in pairs:
            rows.setdefault(pair[0], []).append(pair)
        jobs = {
            i: pool.submit(probe, machines[i], [asked[pair] for pair in row], seconds)
            for i, row in rows.items()
        }
        for i, job in jobs.items():
            seen.update(zip(rows[i], job.result(), strict=True))

    def wrong() -> list[Pair]:
        return [pair for pair, found in seen.items() if Cell(found, should[pair]).wrong]

    end = time.monotonic() + patience
    round_of(list(asked), FIRST)
    round_of([pair for pair, found in seen.items() if found == "blocked" or pair in wrong()], QUICK)
    while (again := wrong()) and time.monotonic() < end:
        round_of(again, 2 * QUICK)
    return seen


def _seat(world: World, name: str) -> Machine:
    return seat(world, name) if name in world.machines else device_seat(world, name)


def _vantages(world: World) -> list[str]:
    """Every machine of the world that is what it says."""
    played = {n for n, m in (world.lab or {}).get("machines", {}).items() if m.get("stand_in")}
    return [name for name in world if name not in played]


def _devices(world: World, known: Sequence[Node], points: Sequence[Point]) -> Iterator[Point]:
    """A device of each class that no machine stands for, where it is on one of them: containers."""
    kinds = {point.kind for point in points}
    for node in known:
        if node.kind not in kinds and not isinstance(found := device_seat(world, node.name), Nobody):
            kinds.add(node.kind)
            yield look(found, known)


def _one_of_each(points: Sequence[Point]) -> list[Point]:
    """Two of each class that is in a tailnet, the talk's own machines first, and one that is in none."""
    found: dict[str, list[Point]] = {}
    for point in sorted(points, key=_rank):
        found.setdefault(point.kind, []).append(point)
    return [p for kind in found.values() for p in kind[: 2 if kind[0].node else 1]]


def _rank(point: Point) -> tuple[bool, int]:
    return point.node is None, KNOWN.index(point.name) if point.name in KNOWN else len(KNOWN)


def _targets(known: Sequence[Node], points: Sequence[Point]) -> tuple[Target, ...]:
    """SSH and HTTPS of a connected device of each class, machines of the world first.

    Without the admin's list, of the first devices that a machine of the world sees.
    """
    mine = [p.node for p in points if p.node and not p.node.shared]
    seen = [Node(name, name) for p in points for name in sorted(p.peers)]
    first: dict[str, str] = {}
    for node in sorted([*mine, *known] if known else seen, key=lambda n: n.name != "tequila"):
        if node.online:
            first.setdefault(node.kind, node.name)
    return tuple(Target(name, port) for name in first.values() for port in (22, 443))[:MOST]
