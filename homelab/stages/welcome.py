"""00, welcome: meet the lab, look inside its machines, break a link and mend it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from homelab import labsocket
from homelab import plan as plans
from homelab.check import Answer, check
from homelab.lab_machine import LabMachine
from homelab.machine import Machine
from homelab.params import Strict
from homelab.plan import Plan
from homelab.resources import link
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.pictures.picture import Picture
    from homelab.pictures.tables import Table
    from homelab.world import World

STAGE = "00_welcome"
# Whose way out is cut, and who notices: somebody behind it.
WITNESS = {"flat_router": "phone", "home_router": "iot", "windows": "tequila", "router": "db"}
ONLY_THE_LAB = "this part is for the lab: at home nothing is broken on purpose"


class Params(Strict):
    """`break_link` is the machine whose way out is cut, and mended again."""

    break_link: Literal["flat_router", "home_router", "windows", "router"] = Field("flat_router")


def visit(world: World, role: str) -> Machine:
    """The lab's machine that plays `role`; at home nobody, so that its checks are skipped."""
    return seat(world, role) if world.lab else Nobody(role, ONLY_THE_LAB)


def witness(world: World, break_link: str) -> Machine:
    """The machine that is cut off when the way out of `break_link` is."""
    return visit(world, WITNESS[break_link])


def address(world: World, role: str, network: str = "") -> str:
    """The lab's machine `role` in `network`, or its first address: a router's is its public one. Empty at home."""
    machine = visit(world, role)
    if not isinstance(machine, LabMachine):
        return ""
    return machine.addresses[network].partition("/")[0] if network else _addresses(machine)[0]


def plan(world: World, break_link: str, cut: bool = True) -> Plan:
    """Cut the way out of `break_link`, or mend it (`cut` False); nothing at home."""
    machine = visit(world, break_link)
    if not isinstance(machine, LabMachine):
        return Plan(STAGE, notes=(ONLY_THE_LAB,))
    network = next(iter(machine.addresses))
    before = link.read(machine, network)
    after = dataclasses.replace(before, cut=cut)
    why = "cut the way out, to see who notices" if cut else "mend the way out"
    return plans.plan(STAGE, plans.change(break_link, "link", before, after, why, name=network))


def draw(world: World, source: str = "", target: str = "") -> Picture | Table:
    """The lab as it is now, drawn; with the way from `source` to `target` if they are named. A home as a table."""
    from homelab.pictures.layout import path
    from homelab.pictures.topology import topology

    if not world.lab:
        return machines(world)
    now = status(world)
    return topology(now, path(now, source, target) if source else ())


def machines(world: World) -> Table:
    """Who is there: the lab's machines as they are now, or those that a home's params file names."""
    from homelab.pictures import tables

    if world.lab:
        return tables.machines(status(world))
    return tables.Table(("machine", "what it is"), tuple((n, m.about) for n, m in world.machines.items()))


def stand_ins(world: World) -> Table:
    """What only plays something in this world, from its own status document."""
    from homelab.pictures import tables

    return tables.stand_ins(status(world) if world.lab else {"machines": {}})


def status(world: World) -> dict[str, Any]:
    """The lab's status document as of now, not as of when the world was opened."""
    return labsocket.request(world.lab["socket"], op="status") if world.lab else {}


@check
def isolated_from_reader(machine: Machine) -> Answer:
    """Do the reader's own files stay out of the machine's sight?

    Looks for each thing in the reader's home directory under its own name inside the machine. What
    Python itself needs is shown there, and must be read-only.
    """
    home = Path.home()
    mine = {f"{s.st_dev}:{s.st_ino}": p for p in sorted(home.iterdir()) if (s := _stat(p))}
    script = 'for f; do s=$(stat -c %d:%i "$f" 2>/dev/null) && echo "$s $(test -w "$f" && echo w || echo r)"; done; true'
    done = machine.run(["sh", "-c", script, "sh", *map(str, mine.values())]).ok()
    found = dict(line.split() for line in done.out.splitlines())
    seen = {k: mode for k, mode in found.items() if k in mine}  # others are the machine's own of that name
    changeable = [mine[k].name for k, mode in seen.items() if mode == "w"]
    visible = [mine[k].name for k, mode in seen.items() if mode == "r"]
    strange = changeable + [n for n in visible if not any((home / n) in (p, *p.parents) for p in _needed())]
    evidence = f"of the {len(mine)} things in your home directory it sees {len(seen) or 'none'}"
    if changeable:
        evidence += f", and can change {', '.join(changeable)}"
    elif strange:
        evidence += f", which it does not need: {', '.join(strange)}"
    elif visible:
        evidence += f", read-only: {', '.join(visible)}"
    return Answer("sees nothing of your files", machine.name, "fail" if strange else "ok", evidence)


def _needed() -> list[Path]:
    """What a machine may see of the reader's files, read-only: the checkout, the cache, the interpreter's."""
    import sys

    checkout = Path(__file__).resolve().parents[2]
    cache = os.environ.get("HOMELAB_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return [checkout, Path(cache), Path(sys.prefix), Path(sys.base_prefix)]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _addresses(machine: LabMachine) -> list[str]:
    return [a.partition("/")[0] for a in machine.addresses.values()]
