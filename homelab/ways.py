"""Which ways are open just now from one node to several others: pinged at the same time, until the answers agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from homelab.checks import path
from homelab.checks.path import Pong
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.vantage import Nobody

Kind = Literal["asked", "direct", "relayed", "down"]
STEADY = {
    "direct": 2,
    "relayed": 5,
    "down": 3,
}  # so many pings in a row must agree; who finds the direct way late finds it by then
MOST = 12  # rounds: a way that changes with every ping is shown as it is then
WORDS = {"asked": "measuring …", "direct": "direct", "relayed": "by a relay", "down": "no answer"}


@dataclass(frozen=True)
class Way:
    """The way from `start` to `end`, as `pongs` found it, the oldest first; `why` is what kept us from asking."""

    start: str
    end: str
    pongs: tuple[Pong, ...] = ()
    why: str = ""

    @property
    def kind(self) -> Kind:
        """How packets go: ``direct``, ``relayed``, not at all (``down``), or not known yet (``asked``)."""
        if self.why:
            return "down"
        if not any(p.via for p in self.pongs[-STEADY["down"] :]):
            return "down" if len(self.pongs) >= STEADY["down"] else "asked"
        return "direct" if self._answered[-1].direct else "relayed"

    @property
    def settled(self) -> bool:
        """Whether its last pings agree, so that another would hardly tell more."""
        if self.kind == "asked":
            return False
        last = self.pongs[-STEADY[self.kind] :]
        agree = len({(bool(p.via), p.direct) for p in last}) == 1
        return bool(self.why) or self.kind == "down" or (len(last) == STEADY[self.kind] and agree)

    @property
    def by(self) -> str:
        """The relay, or the address, of the last answer; empty where there is none."""
        return self._answered[-1].via if self.kind in ("direct", "relayed") else ""

    @property
    def words(self) -> str:
        """``direct, 2 ms``; ``by a relay, 40 ms, 1 of 4 lost``."""
        if self.kind in ("asked", "down"):
            return WORDS[self.kind]
        quickest = min(p.ms for p in self._answered if p.direct == (self.kind == "direct"))
        since = self.pongs[self.pongs.index(self._answered[0]) :]  # before, the way was still looked for
        lost = sum(not p.via for p in since)
        rest = f", {lost} of {len(since)} lost" if lost else ""
        return f"{WORDS[self.kind]}, {max(1.0, quickest):.3g} ms{rest}"  # tailscale says whole ones

    @property
    def _answered(self) -> list[Pong]:
        return [p for p in self.pongs if p.via]


def measured(
    machine: Machine, start: str, ends: Mapping[str, str], afresh: bool = False, least: int = 1
) -> Iterator[tuple[Way, ...]]:
    """The ways from `machine`, which plays `start`, to each of `ends`: after every round of pings, until they agree.

    `ends` are roles, each with the name that its node has in the tailnet.
    `afresh` lets the client look for paths anew first, as after a change of network; `least` rounds are made in
    any case, for loss shows in many only. Whoever has seen enough stops asking for more. Nothing where nobody can
    be asked: no such machine, or changes that wait.
    """
    if isinstance(machine, Nobody) or machine.pending.count or not ends:
        return
    ways = [Way(start, end) for end in ends]
    if afresh:
        machine.run(path.AFRESH)
    with ThreadPoolExecutor(len(ends)) as pool:
        for n in range(1, MOST + 1):
            ways = list(pool.map(lambda way: _asked(machine, way, ends[way.end]), ways))
            yield tuple(ways)
            if n >= least and all(way.settled for way in ways):
                return


def _asked(machine: Machine, way: Way, name: str) -> Way:
    try:
        found = path.ping(machine, name, count=1, until_direct=False, patience=1)
    except HomelabError as error:
        return replace(way, why=error.what)
    return replace(way, pongs=(*way.pongs, *found), why="")
