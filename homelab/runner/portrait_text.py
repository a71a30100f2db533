"""The portrait of a home in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from homelab.portrait.facts import Container, Home, Seen
from homelab.portrait.remarks import CARE, day, remarks, size
from homelab.runner.portrait_page import title, versions
from homelab.secret import mask

WIDE, BAR = 96, 20  # columns


def text(home: Home) -> str:
    """Machines with what runs on them, then what is worth a look."""
    lines = [f"{title(home)}, on {day(home.when)}", ""]
    for seen in home.machines:
        lines += [*_machine(seen, home), ""]
    lines.append("Worth a look")
    for remark in remarks(home):
        lines.append(f"  {'!' if remark.kind == CARE else '✓'} {remark.title}")
        lines += textwrap.wrap(remark.text, WIDE, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)  # fmt: skip
    return mask("\n".join(line.rstrip() for line in lines))


def _machine(seen: Seen, home: Home) -> Iterator[str]:
    yield f"{seen.called}  (plays {seen.name}: {seen.why})"
    node = seen.node
    if node is None or not node.running:
        yield _row("tailnet", f"none: {node.state if node else 'Tailscale is not installed'}")
    else:
        end = f", login ends in {(node.key_expires - home.when).days} days" if node.key_expires else ""
        yield _row("tailnet", f"{node.domain or node.name} {', '.join(node.addresses[:1])}{end}")
        for shown in node.served:
            yield _row("", f"shows {shown.url} to {'the whole internet' if shown.public else 'the tailnet'}")
    docker = seen.docker
    if docker is None or docker.refused or not docker.containers:
        said = "not installed" if docker is None else docker.refused or "no containers"
        yield _row("services", f"Docker: {said}")
    else:
        parts = [(p.name, c) for p in docker.projects for c in p.containers]
        parts += [("", c) for c in docker.single]
        for n, (project, one) in enumerate(parts):
            yield f"  {'' if n else 'services':<10}{_service(project, one)}"
    for n, disk in enumerate(seen.mounts):
        full = round(disk.share * BAR)
        yield _row("" if n else "disks", f"{'█' * full}{'░' * (BAR - full)} {disk.at} {disk.share:.0%} of {size(disk.size)}")  # fmt: skip
    backups = [
        f"{r.kind} in {r.at}" + (f", newest of {day(r.newest)}" if r.newest else "")
        for r in seen.repositories
    ]
    backups += [f"scheduled: {word}" for word in seen.schedules]
    yield _row("backups", "; ".join(backups) or "none seen")
    yield _row("versions", "; ".join(f"{value}" if what == "system" else f"{what} {value}" for what, value, _ in versions(seen, home)))  # fmt: skip
    if seen.silent:
        yield _row("", f"no answer in time about {', '.join(seen.silent)}")


def _service(project: str, one: Container) -> str:
    mark = "✓" if one.well else "✗"
    name = f"{project}/{one.service}" if project else one.name
    ports = ", ".join(f"{'*' if p.everywhere else p.address}:{p.port}" for p in one.ports) or "not published"
    return f"{mark} {name:<26} {ports:<16} {one.image}"[: WIDE + 10]


def _row(name: str, said: str) -> str:
    wrapped = textwrap.wrap(said, WIDE - 12, break_long_words=False, break_on_hyphens=False) or [""]
    return "\n".join(f"  {name if not n else '':<10}{line}" for n, line in enumerate(wrapped))
