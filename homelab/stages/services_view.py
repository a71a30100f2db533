"""What chapter 04 shows: who is a device already, what a plan holds in short, and what it all weighs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from homelab import services
from homelab.engine import engine, translated
from homelab.errors import EngineError
from homelab.pictures.tables import Table
from homelab.plan import Plan
from homelab.resources import login, project
from homelab.resources.image import UNREACHED
from homelab.resources.tailscale_status import peers, short_name, status
from homelab.stages.services import Params, folder, home
from homelab.vantage import Nobody

if TYPE_CHECKING:
    from docker.models.containers import Container

    from homelab.pictures.picture import Picture
    from homelab.world import World

WHOLE = 16 << 30  # bytes that Tequila has
SIDECAR = 50 << 20  # bytes that a tailscaled takes, as measured
GIB = 1 << 30
UNKNOWN = "–"


def standing(world: World, wish: Params) -> Table:
    """Each service: what it is, which of its containers run, and its device's address in the tailnet."""
    machine = home(world)
    if isinstance(machine, Nobody):
        return Table(("service",), ((machine.why,),))
    found = status(machine)
    running = found["BackendState"] == login.RUNNING
    known = {short_name(p): _address(p) for p in peers(found)} if running else {}
    rows = []
    for name in wish.names:
        one = services.load(name)
        now = project.read(machine, folder(world, wish, name))
        rows.append((name, one.facts.about, ", ".join(now.running) or "nothing", one.device, known.get(one.device, UNKNOWN)))  # fmt: skip
    return Table(("service", "what it is for", "runs", "device", "address"), tuple(rows))


def _address(peer: dict[str, Any]) -> str:
    return next((a for a in peer.get("TailscaleIPs") or () if ":" not in a), UNKNOWN)


def outline(plan: Plan) -> Table:
    """A plan in short: how many changes of which kind, and where; its notes below."""
    counts: dict[tuple[str, str], list[str]] = {}
    for change in plan:
        counts.setdefault((change.machine, change.resource), []).append(_short(change.name) or change.why)
    rows = [
        (machine, resource.replace("_", " "), str(len(names)), ", ".join(names))
        for (machine, resource), names in counts.items()
    ]
    rows += [("note", "", "", note) for note in plan.notes]
    return Table(("where", "what", "how many", "which"), tuple(rows), "No changes.")


def _short(name: str) -> str:
    """The end of a path; any other name whole."""
    path = name.rpartition(" /")
    return (
        "/".join((path[1].strip() + path[2]).split("/")[-2:]) if "/" in path[1] or name[:1] == "/" else name
    )


def expected(wish: Params) -> dict[str, int]:
    """What each service is expected to take with its sidecar (bytes); what is not on one's list is not counted."""
    return {name: services.load(name).memory + SIDECAR for name in wish.names}


def drawn(wish: Params) -> Picture:
    """What the services take of Tequila's memory, and whether the game fits in beside them."""
    from homelab.pictures.memory import memory

    return memory(
        WHOLE, expected(wish), ("the game", round(wish.game_memory * GIB)), "Tequila's 16 GiB, with these services"
    )  # fmt: skip


def measured(world: World, wish: Params) -> Table:
    """What each container uses now, as its control group says, beside what its service is expected to."""
    head = ("service", "expected", "uses now", "and its sidecar")
    try:
        with translated(home(world)), ThreadPoolExecutor(8) as pool:  # each answer takes the engine a second
            client = engine(home(world))
            label: dict[str, Any] = {"label": f"{project.LABEL}.project"}
            found = client.containers.list(filters=label)
            used = dict(zip((str(c.id) for c in found), pool.map(_uses, found), strict=True))
    except EngineError as error:
        if error.kind not in UNREACHED:
            raise
        return Table(("service",), ((error.what,),))
    rows = []
    for name in wish.names:
        at = folder(world, wish, name)
        mine = [c for c in found if c.labels.get(f"{project.LABEL}.project.working_dir") == at]
        side = sum(used[str(c.id)] for c in mine if c.labels[f"{project.LABEL}.service"] == services.SIDECAR)
        whole = sum(used[str(c.id)] for c in mine)
        rows.append((name, services.load(name).facts.memory, _mib(whole - side), _mib(side)))
    return Table(head, tuple(rows))


def _uses(one: Container) -> int:
    return _used(one.client.api.stats(str(one.id), stream=False, one_shot=True)) if one.client else 0


def _used(stats: dict[str, Any]) -> int:
    """Memory without the cache of files, as ``docker stats`` counts it (bytes)."""
    memory = stats.get("memory_stats") or {}
    more = memory.get("stats") or {}
    cached = more.get("total_inactive_file", more.get("inactive_file", 0))
    return max(int(memory.get("usage") or 0) - int(cached), 0)


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB" if count else UNKNOWN
