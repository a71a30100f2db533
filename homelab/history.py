"""What the changes of one run still amount to, after all that came later.

Taking back run R means: the world as it was before R, as far as later runs have left it. So of every
thing that R changed only the way from where R found it to where R left it counts (a demonstration
that ended where it began counts for nothing), and nothing of it where somebody has already gone back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from homelab.plan import Change, State, matches

Thing = tuple[str, str, str]


@dataclass(frozen=True)
class Entry:
    """One applied change: when (seconds since 1970), in which run (may be empty) and stage.

    What takes a change back belongs to the run of that change, in the stage ``undo``.
    """

    at: float
    run: str
    stage: str
    change: Change


def thing(change: Change) -> Thing:
    """What it is a change of."""
    return change.machine, change.resource, change.name


@dataclass
class Stay:
    """What one run has done to one thing without another run in between: the way it went, without detours.

    `found` is the state that it began with.
    """

    run: str
    found: State
    way: list[tuple[int, Change]] = field(default_factory=list)

    def go(self, number: int, change: Change) -> None:
        """One change further; back to where it has been before means that the detour is forgotten."""
        self._again(change.before)  # it may have been brought there by other means
        if not self._again(change.after):
            self.way.append((number, change))

    def _again(self, state: State) -> bool:
        been = next((n for n, (_, c) in enumerate(self.way) if matches(state, c.before)), None)
        if been is None:
            return False
        del self.way[been:]
        return True

    def left(self) -> State:
        """The state that it ended with."""
        return self.way[-1][1].after if self.way else self.found


def standing(entries: Iterable[Entry], run: str | None = None) -> list[Change]:
    """The changes of `run` (None: of all runs, as if they were one) that still stand, oldest first."""
    found: list[tuple[int, Change]] = []
    for stays in _stays(entries, run).values():
        mine = [n for n, stay in enumerate(stays) if stay.run == run or run is None]
        if not mine:
            continue
        whole = Stay("", stays[mine[0]].found)
        for n in mine:
            for number, change in stays[n].way:
                whole.go(number, change)
        if not any(_is(whole.found, stay) for stay in stays[mine[-1] + 1 :]):
            found += whole.way
    return [change for _, change in sorted(found, key=lambda step: step[0])]


def followers(entries: Iterable[Entry], run: str) -> dict[Thing, str]:
    """The things that `run` has changed and that a later run has changed further, and which run that was."""
    found = {}
    for name, stays in _stays(entries, run).items():
        if stays[-1].run != run and any(stay.run == run for stay in stays):
            found[name] = stays[-1].run
    return found


def _stays(entries: Iterable[Entry], run: str | None) -> dict[Thing, list[Stay]]:
    """By thing: who was at it, one after the other; who left it as they found it is not mentioned."""
    found: dict[Thing, list[Stay]] = {}
    for number, entry in enumerate(entries):
        stays = found.setdefault(thing(entry.change), [])
        name = entry.run if run is not None else ""
        if not stays or stays[-1].run != name:
            stays.append(Stay(name, entry.change.before))
        stays[-1].go(number, entry.change)
        if not stays[-1].way:
            stays.pop()
    return {name: stays for name, stays in found.items() if stays}


def _is(state: State, later: Stay) -> bool:
    """Whether the thing was in this state when the `later` run came, or when it went."""
    return matches(later.found, state) or matches(later.left(), state)


def ahead(back: Sequence[Change], now: State) -> int:
    """How many of the changes `back` (of one thing, in order) need not be made, as it is `now`."""
    return next((n for n in range(len(back), 0, -1) if matches(now, back[n - 1].after)), 0)
