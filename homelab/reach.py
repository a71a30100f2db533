"""Who reaches what: packets from real nodes to real places, beside what the tailnet's policy should allow.

Rows are classes of sources (a person's device, a tag, somebody of another tailnet, somebody without
Tailscale), each by a machine that stands for it; columns are places. The picture is
`homelab.pictures.matrix`, the check `homelab.checks.policy`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from homelab import policyfile
from homelab.allowed import Node, Verdict
from homelab.machine import Machine
from homelab.probe import Seen, probe
from homelab.reach_point import Point, look
from homelab.tailnet_nodes import nodes
from homelab.vantage import seat

if TYPE_CHECKING:
    from homelab.world import World

QUICK = 0.6  # seconds that a packet may take, tried twice: a relay answers in a tenth of that
# Seconds until a policy that was just changed is in force everywhere: nodes that see each other anew
# repeat a WireGuard handshake that came too early after five.
PATIENCE = 8.0
MOST = 6  # places that are tried where none are given
KNOWN = ("phone", "tequila", "demoserver", "visitor")  # who stands for a class, if several can
Pair = tuple[int, int]  # a source and a target, by their numbers


@dataclass(frozen=True)
class Target:
    """A place: a device or machine by name, or an address, and a TCP port; port 0 is a ping."""

    machine: str
    port: int = 0
    name: str = ""

    @property
    def label(self) -> str:
        """Its name, or ``tequila:443``, or ``ping tequila``."""
        return self.name or (f"{self.machine}:{self.port}" if self.port else f"ping {self.machine}")


@dataclass(frozen=True)
class Source:
    """A vantage point: the machine's name, and the class of devices that it stands for."""

    name: str
    kind: str


@dataclass(frozen=True)
class Cell:
    """What was `seen` (empty: not asked), what the policy says (None: nothing), and what was seen before."""

    seen: Seen | str = ""
    should: Verdict = None
    was: str = ""

    @property
    def arrives(self) -> bool:
        """Whether the packet came there; a refusal is an answer from there."""
        return self.seen in ("open", "refused")

    @property
    def wrong(self) -> bool:
        """Whether packets and policy disagree."""
        return bool(self.seen) and self.should is not None and self.should != self.arrives

    @property
    def changed(self) -> bool:
        """Whether it arrives where it did not before, or the other way round."""
        return bool(self.seen and self.was) and self.arrives != Cell(self.was).arrives


@dataclass(frozen=True)
class Reach:
    """A matrix: a row of `cells` for each of `sources`, a column for each of `targets`."""

    sources: tuple[Source, ...]
    targets: tuple[Target, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def __iter__(self) -> Iterator[tuple[Source, Target, Cell]]:
        for source, row in zip(self.sources, self.cells, strict=True):
            for target, cell in zip(self.targets, row, strict=True):
                yield source, target, cell

    def cell(self, source: str, target: str) -> Cell:
        """The cell of the machine `source` and the target labelled `target`, such as ``tequila:443``.

        Raises:
            KeyError: there is none.
        """
        return next((c for s, t, c in self if (s.name, t.label) == (source, target)), None) or _no_cell(
            source, target
        )

    @property
    def wrong(self) -> list[tuple[Source, Target, Cell]]:
        """Where packets and policy disagree."""
        return [found for found in self if found[2].wrong]

    @property
    def changed(self) -> list[tuple[Source, Target, Cell]]:
        """What differs from the matrix that this one was compared with."""
        return [found for found in self if found[2].changed]

    def compared(self, before: Reach) -> Reach:
        """This matrix, with what `before` saw in the same cells marked where it differs."""
        old = {(s.name, t.label): str(c.seen) for s, t, c in before}
        rows = tuple(
            tuple(
                replace(cell, was=old.get((source.name, target.label), ""))
                for target, cell in zip(self.targets, row, strict=True)
            )
            for source, row in zip(self.sources, self.cells, strict=True)
        )
        return replace(self, cells=rows)

    def __str__(self) -> str:
        from homelab.pictures.matrix import describe

        return describe(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        from homelab.pictures.matrix import matrix

        shown: dict[str, Any] = matrix(self)._repr_mimebundle_()
        return shown


def _no_cell(source: str, target: str) -> Cell:
    raise KeyError(f"{source} → {target}")


def who_reaches_what(
    world: World,
    vantages: Sequence[str] = (),
    targets: Sequence[Target] = (),
    patience: float = PATIENCE,
) -> Reach:
    """Send packets from each of `vantages` (machines of the world) to each of `targets`, all at once.

    By default: every machine that is in a tailnet, and one that is in none; to SSH and HTTPS of one
    device of each class. Only looks: it sends packets to what it is told and changes nothing. Where
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
        points = list(pool.map(lambda name: look(seat(world, name), known), vantages or _vantages(world)))
        points = points if vantages else _one_of_each(points)
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
        tuple(Source(p.name, p.kind) for p in points),
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
    round_of(list(asked), QUICK)
    round_of([pair for pair, found in seen.items() if found == "blocked" or pair in wrong()], QUICK)
    while (again := wrong()) and time.monotonic() < end:
        round_of(again, 2 * QUICK)
    return seen


def _vantages(world: World) -> list[str]:
    """Every machine of the world that is what it says."""
    played = {n for n, m in (world.lab or {}).get("machines", {}).items() if m.get("stand_in")}
    return [name for name in world if name not in played]


def _one_of_each(points: Sequence[Point]) -> list[Point]:
    """Two of each class that is in a tailnet, the talk's own machines first, and one that is in none."""
    found: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda p: KNOWN.index(p.name) if p.name in KNOWN else len(KNOWN)):
        found.setdefault(point.kind, []).append(point)
    return [p for kind in found.values() for p in kind[: 2 if kind[0].node else 1]]


def _targets(known: Sequence[Node], points: Sequence[Point]) -> tuple[Target, ...]:
    """SSH and HTTPS of a device of each class, machines of the world first."""
    order = [p.node for p in points if p.node and not p.node.shared] + list(known)
    first: dict[str, str] = {}
    for node in sorted(order, key=lambda n: n.name != "tequila"):
        first.setdefault(node.kind, node.name)
    return tuple(Target(name, port) for name in first.values() for port in (22, 443))[:MOST]
