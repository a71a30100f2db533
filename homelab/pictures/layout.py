"""Where the machines of a status document go on the sheet: found from who is on which network.

The internet is at the top. A machine on two networks is the door between them: the network behind
it hangs below, as deep as need be. Columns and rows are counted here; inches are the drawing's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spot:
    """A machine's place: `x` in columns (its middle), `row` counted downwards from the internet's (0)."""

    x: float
    row: int


@dataclass(frozen=True)
class Span:
    """A network's place: the columns from `left` to `right`, its `row`, and the last row of what hangs on it.

    `depth` is how many doors away from the internet it is; `door` is the first machine that leads to it.
    """

    left: float
    right: float
    row: int
    bottom: int
    depth: int
    door: str = ""


@dataclass
class Layout:
    """`machines` and `networks` by name, and the size of the whole in columns and rows."""

    machines: dict[str, Spot] = field(default_factory=dict)
    networks: dict[str, Span] = field(default_factory=dict)
    columns: float = 0.0
    top: int = 0
    bottom: int = 0


@dataclass
class _Network:
    name: str
    groups: list[_Group] = field(default_factory=list)


@dataclass
class _Group:
    """Machines side by side on one network, and the networks that they are the doors to."""

    machines: list[str]
    behind: list[_Network] = field(default_factory=list)

    @property
    def width(self) -> float:
        return max(float(len(self.machines)), sum(_width(n) for n in self.behind))


def lay_out(status: Mapping[str, Any]) -> Layout:
    """The layout of a lab's status document; it needs `networks` and the machines' `addresses` there."""
    made = Layout()
    for n, tree in enumerate(_trees(status)):
        # What has no way to the internet stands beside it, so that no machine is lost.
        width = _internet_width(tree) if n == 0 else _width(tree)
        _place(made, tree, made.columns, width, 0, internet=n == 0)
        made.columns += width
    rows = [s.row for s in made.machines.values()] + [s.row for s in made.networks.values()]
    made.top, made.bottom = min(rows, default=0), max(rows, default=0)
    return made


def internet_of(status: Mapping[str, Any]) -> str:
    """The network that is public; where none says so, the one that most doors are on."""
    networks: Mapping[str, Any] = status["networks"]
    homes = [set(m["addresses"]) for m in status["machines"].values()]
    doors = {name: sum(len(h) > 1 and name in h for h in homes) for name in networks}
    return max(networks, key=lambda n: (bool(networks[n].get("public")), doors[n]), default="")


def path(status: Mapping[str, Any], source: str, target: str) -> list[str]:
    """The machines that packets pass from `source` to `target`: up the gateways to a common network, and down."""
    up, down = _way_out(status, source), _way_out(status, target)
    on = {name: set(m["addresses"]) for name, m in status["machines"].items()}
    meets = [(i + j, i, j) for i, a in enumerate(up) for j, b in enumerate(down) if a == b or on[a] & on[b]]
    if not meets:
        return []
    _, i, j = min(meets)
    rest = down[: j + 1][::-1]
    return up[: i + 1] + (rest[1:] if rest[0] == up[i] else rest)


def _way_out(status: Mapping[str, Any], name: str) -> list[str]:
    """`name`, its gateway, the gateway's, and so on: gateways are addresses, some of them nobody's."""
    whose = {a.partition("/")[0]: n for n, m in status["machines"].items() for a in m["addresses"].values()}
    way = [name]
    while (found := whose.get(str(status["machines"][way[-1]].get("gateway")))) and found not in way:
        way.append(found)
    return way


def _trees(status: Mapping[str, Any]) -> Iterator[_Network]:
    homes = {name: list(m["addresses"]) for name, m in status["machines"].items()}
    seen: set[str] = set()
    for name in sorted(status["networks"], key=lambda n: n != internet_of(status)):
        if name not in seen:
            yield _grow(name, homes, seen)


def _grow(root: str, homes: dict[str, list[str]], seen: set[str]) -> _Network:
    """The tree of `root`, nearest first; takes what it places out of `homes` and adds to `seen`."""
    tree = _Network(root)
    seen.add(root)
    queue = [tree]
    while queue:
        here = queue.pop(0)
        for name in [n for n, theirs in homes.items() if here.name in theirs]:
            if name not in homes:
                continue  # it joined the group of an earlier one
            group = _Group([name])
            new = [n for n in homes.pop(name) if n not in seen]
            for other in [n for n, theirs in homes.items() if here.name in theirs and set(new) & set(theirs)]:
                group.machines.append(other)
                new += [n for n in homes.pop(other) if n not in seen and n not in new]
            group.behind = [_Network(n) for n in new]
            seen.update(new)
            queue += group.behind
            here.groups.append(group)
    return tree


def _width(network: _Network) -> float:
    return max(1.0, sum(g.width for g in network.groups))


def _internet_width(network: _Network) -> float:
    """Narrower: who is alone on the internet stands above it, the doors hang below."""
    doors = sum(g.width for g in network.groups if g.behind)
    return max(1.0, doors, float(sum(not g.behind for g in network.groups)))


def _place(
    made: Layout,
    network: _Network,
    left: float,
    width: float,
    row: int,
    *,
    internet: bool = False,
    depth: int = 0,
    door: str = "",
) -> int:
    """Place `network` in the columns from `left`, and all that hangs on it; returns its last row."""
    below, bottom = network.groups, row
    if internet:
        above = [g.machines[0] for g in below if not g.behind]
        below = [g for g in below if g.behind]
        _spread(made, above, left, width, row - 1)
    stretch = width / (sum(g.width for g in below) or 1.0)
    x = left
    for group in below:
        share = group.width * stretch
        _spread(made, group.machines, x, share, row + 1)
        bottom = max(bottom, row + 1)
        inner, wider = x, share / (sum(_width(n) for n in group.behind) or 1.0)
        for hidden in group.behind:
            wide = _width(hidden) * wider
            last = _place(made, hidden, inner, wide, row + 2, depth=depth + 1, door=group.machines[0])
            inner, bottom = inner + wide, max(bottom, last)
        x += share
    made.networks[network.name] = Span(left, left + width, row, bottom, depth, door)
    return bottom


def _spread(made: Layout, names: list[str], left: float, width: float, row: int) -> None:
    for n, name in enumerate(names):
        made.machines[name] = Spot(left + width / len(names) * (n + 0.5), row)
