"""The reach matrix as data: sources, targets, and what became of a packet from each to each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from homelab.policy.allowed import Verdict
from homelab.reach.probe import Seen


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
