"""A few kind, concrete sentences about a home: what deserves a look first, and what is good already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from homelab.engine import CLIENT_ALONE
from homelab.portrait.facts import Container, Home, Port, Seen
from homelab.portrait.lifetimes import ends

CARE, GOOD = "care", "good"
MOST, LEAST = 5, 3
FULL, SOON, STALE, OLD_IMAGE = (
    0.85,
    30,
    8,
    400,
)  # share of a disk; days until a key ends, since a backup, of an image
KEEPERS = {  # ports that give data away to whoever comes, and what listens there
    2375: "Docker's own API, without a password", 3306: "MySQL", 5432: "PostgreSQL", 5984: "CouchDB", 6379: "Redis",
    9200: "Elasticsearch", 11211: "memcached", 1883: "MQTT", 27017: "MongoDB",
}  # fmt: skip


@dataclass(frozen=True)
class Remark:
    """`weight`: what is heavier is said first; `kind` is care or good."""

    weight: int
    kind: str
    title: str
    text: str


def remarks(home: Home) -> tuple[Remark, ...]:
    """Three to five, the heaviest first; what is good already comes last, and fills up."""
    found = [r for seen in home.machines for look in LOOKS for r in look(seen, home.when)]
    found += [*_backups(home), *_outside(home)]
    heavy = sorted((r for r in found if r.kind == CARE), key=lambda r: -r.weight)
    good = sorted((r for r in found if r.kind == GOOD), key=lambda r: -r.weight)
    room = MOST - 1 if good else MOST
    shown = heavy[:room]
    return tuple(shown + good[: max(1, LEAST - len(shown))])


def _outside(home: Home) -> Iterator[Remark]:
    """The machines that are in no tailnet, in one breath."""
    names = [s.called for s in home.machines if not (s.node and s.node.running)]
    if names:
        *first, last = names
        who = f"{', '.join(first)} and {last} are" if first else f"{last} is"
        yield Remark(58, CARE, f"{who} in no tailnet", "Chapter 03 logs a machine in; until then it is reached from its own network only.")  # fmt: skip


def _backups(home: Home) -> Iterator[Remark]:
    keeping = [
        c for s in home.machines if s.docker for c in s.docker.containers if c.mounts and not _socket(c)
    ]
    found = [r for s in home.machines for r in s.repositories]
    schedules = [w for s in home.machines for w in s.schedules]
    dated = [r for r in found if r.newest]
    if dated:
        newest = max(dated, key=lambda r: r.newest or home.when)
        days = (home.when - (newest.newest or home.when)).days
        place = f"{newest.kind} in {newest.at}"
        if days >= STALE:
            yield Remark(88, CARE, f"The newest backup is {days} days old", f"It was seen in {newest.at}. A backup that does not come by itself is forgotten: chapter 04 makes one when the last is older than a day.")  # fmt: skip
        else:
            yield Remark(90, GOOD, "There is a backup", f"{place}: the newest is {_days(days)} old. Whether it can be put back only a drill tells; chapter 04 has one.")  # fmt: skip
    elif keeping and not schedules:
        folders = len({m.source for c in keeping for m in c.mounts})
        what = f"{_number(len(keeping), 'container keeps', 'containers keep')} data in {_number(folders, 'folder or volume', 'folders and volumes')}"
        yield Remark(85, CARE, "No backup was seen", f"{what}. There may be one where we could not look; if not, an old disk and chapter 04 are enough for a first.")  # fmt: skip


def _socket(container: Container) -> bool:
    """Whether all it has is Docker's socket, or the time."""
    return all(m.source.endswith((".sock", "/localtime", "/timezone")) for m in container.mounts)


def _open_ports(seen: Seen, now: datetime) -> Iterator[Remark]:
    published = [
        (c, p) for c in (seen.docker.containers if seen.docker else ()) for p in c.ports if p.everywhere
    ]
    for container, port in published:
        if port.inside in KEEPERS or port.port in KEEPERS:
            what = KEEPERS.get(port.inside) or KEEPERS[port.port]
            yield Remark(95, CARE, f"{what.partition(',')[0]} on port {port.port} is open to the whole network", f"{container.name} on {seen.called} takes connections on all addresses ({what}). `127.0.0.1:{port.port}:{port.inside}` in place of `{port.port}:{port.inside}` keeps it to the machine; containers of one project do not need it published at all.")  # fmt: skip
            return
    for listener in seen.listeners:
        if (
            listener.everywhere
            and listener.port in KEEPERS
            and listener.port not in {p.port for _, p in published}
        ):
            yield Remark(94, CARE, f"Port {listener.port} of {seen.called} listens on all addresses", f"That is usually {KEEPERS[listener.port]}. Let it listen on 127.0.0.1, or on the tailnet's address.")  # fmt: skip
            return
    web = [(c, p) for c, p in published if p.protocol == "tcp"]
    if web:
        container, port = web[0]
        more = f" So do {_number(len(web) - 1, 'other port', 'other ports')}." if len(web) > 1 else ""
        yield Remark(60, CARE, f"Port {port.port} of {seen.called} listens on all addresses", f"{container.name} answers whoever is in the same network: at home that may be wanted.{more} {_narrower(port)}")  # fmt: skip


def _narrower(port: Port) -> str:
    return f"For the tailnet alone: publish `127.0.0.1:{port.port}:{port.inside}`, then `tailscale serve --bg {port.port}`."


def _key(seen: Seen, now: datetime) -> Iterator[Remark]:
    if not seen.node or not seen.node.key_expires or not seen.node.running:
        return
    days = (seen.node.key_expires - now).days
    if days < 0:
        yield Remark(92, CARE, f"The login of {seen.node.name} has ended", f"It ended on {day(seen.node.key_expires)}: `sudo tailscale up --force-reauth`.")  # fmt: skip
    elif days <= SOON:
        yield Remark(90, CARE, f"The login of {seen.node.name} ends in {_days(days)}", f"On {day(seen.node.key_expires)} it drops out of the tailnet. `sudo tailscale up --force-reauth` renews it; for a server, switch the expiry off on the machines page.")  # fmt: skip


def _versions(seen: Seen, now: datetime) -> Iterator[Remark]:
    if seen.node and seen.node.latest:
        yield Remark(50, CARE, f"Tailscale {seen.node.latest} is out", f"{seen.called} runs {seen.node.version}: `sudo tailscale update`.")  # fmt: skip
    if seen.windows_ended:
        yield Remark(80, CARE, "Windows is no longer mended", f"{seen.windows_ended}.")
    last = ends(seen.system.id, seen.system.version)
    if last and last < now.date():
        yield Remark(82, CARE, f"{seen.system.distribution} is no longer mended", f"{seen.called} gets no security updates since {day(last)}. An upgrade of the system is an afternoon; the containers do not notice.")  # fmt: skip
    if last and last >= now.date():
        yield Remark(10, GOOD, f"{seen.system.distribution} is mended", f"{seen.called} gets security updates until {day(last)}.")  # fmt: skip
    if seen.system.reboot:
        yield Remark(45, CARE, f"{seen.called} waits for a restart", "An update, usually of the kernel, takes effect only then.")  # fmt: skip
    old = [(c, c.built) for c in (seen.docker.containers if seen.docker else ()) if c.built]
    if old and (now - (worst := min(old, key=lambda pair: pair[1]))[1]).days >= OLD_IMAGE:
        yield Remark(40, CARE, f"The image of {worst[0].name} is {(now - worst[1]).days // 30} months old", f"{worst[0].image} was made on {day(worst[1])}. Chapter 04 shows what is new, and what its project says about upgrading.")  # fmt: skip


def _containers(seen: Seen, now: datetime) -> Iterator[Remark]:
    if not seen.docker:
        return
    if seen.docker.refused == CLIENT_ALONE:
        yield Remark(57, CARE, f"{seen.called} has the docker command, and no engine", "The chapters that need an engine install one; until then nothing runs in containers here.")  # fmt: skip
    elif seen.docker.refused:
        yield Remark(57, CARE, f"Docker on {seen.called} does not answer", f"It says: {seen.docker.refused}. What runs in it could not be seen.")  # fmt: skip
    all_of_them = seen.docker.containers
    if ill := [c for c in all_of_them if c.health == "unhealthy" or c.status == "restarting"]:
        yield Remark(86, CARE, f"{ill[0].name} is not well", f"Docker calls it {ill[0].health or ill[0].status}: `docker logs --tail 20 {ill[0].name}` says why.")  # fmt: skip
    if leaves := [c for c in all_of_them if c.status == "running" and c.restart in ("no", "")]:
        names = ", ".join(c.name for c in leaves[:3])
        yield Remark(55, CARE, f"{names} will not come back after a restart", f"No restart policy: `docker update --restart unless-stopped {leaves[0].name}`, or `restart: unless-stopped` in its Compose file.")  # fmt: skip
    running = [c for c in all_of_them if c.well]
    if running and len(running) == len(all_of_them):
        yield Remark(60, GOOD, "Everything runs", f"All {len(running)} containers of {seen.called} are well." if len(running) > 1 else f"The one container of {seen.called} is well.")  # fmt: skip


def _tailnet(seen: Seen, now: datetime) -> Iterator[Remark]:
    node = seen.node
    if node is None or not node.running:
        return
    if public := [s for s in node.served if s.public]:
        yield Remark(70, CARE, f"{public[0].url} is open to the whole internet", f"Funnel shows {public[0].target} to everybody, which is what it is for. Is it still meant so? `tailscale funnel status`.")  # fmt: skip
    elif not node.offers_exit:
        yield Remark(40, GOOD, "Nothing is open to the internet by Funnel", f"What {seen.called} offers stays in {node.tailnet or 'the tailnet'}.")  # fmt: skip
    if waiting := [r for r in node.routes if r not in node.approved]:
        yield Remark(65, CARE, f"The route {waiting[0]} waits for an approval", f"{node.name} offers it, and nobody can use it before an admin says yes on the machines page.")  # fmt: skip
    if not node.latest and node.version:
        yield Remark(30, GOOD, f"{node.name} is in the tailnet", f"With Tailscale {node.version}, and {_number(len(node.peers), 'other device', 'other devices')}.")  # fmt: skip


def _disks(seen: Seen, now: datetime) -> Iterator[Remark]:
    if not seen.mounts:
        return
    worst = max(seen.mounts, key=lambda m: m.share)
    if worst.share >= FULL:
        yield Remark(84, CARE, f"{worst.at} of {seen.called} is {worst.share:.0%} full", f"{size(worst.size - worst.used)} are left. `docker system df` tells how much of it old images take.")  # fmt: skip
    else:
        yield Remark(20, GOOD, "There is room", f"The fullest file system of {seen.called}, {worst.at}, has {size(worst.size - worst.used)} left.")  # fmt: skip


LOOKS: tuple[Callable[[Seen, datetime], Iterator[Remark]], ...] = (
    _open_ports, _key, _versions, _containers, _tailnet, _disks,
)  # fmt: skip


def size(count: float) -> str:
    """Bytes for people: ``1.8 TB``, by thousands as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _days(days: int) -> str:
    return "less than a day" if days < 1 else _number(days, "day", "days")


def day(moment: date) -> str:
    """A day for people: ``1 October 2026``."""
    return f"{moment:%d %B %Y}".lstrip("0")
