"""The sections of a params file, a stage each, with what was observed and what only the reader can decide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from homelab import services
from homelab.portrait.facts import Container, Home, Project, Seen
from homelab.portrait.remarks import day, size
from homelab.portrait.roles import SERVICES, label
from homelab.portrait.yaml_lines import DECIDE, comment, scalar

OLLAMA = 11434  # its port


def sections(home: Home) -> Iterator[str]:
    """All of them, an empty line before each."""
    for section in (_wsl, _jellyfin, _enrollment, _services, _funnel, _ways, _routes, _ssh, _gpu):
        if part := list(section(home, home.machines[0])):
            yield from ("", *part)


def _wsl(home: Home, first: Seen) -> Iterator[str]:
    for seen in home.machines:
        if seen.wsl:
            yield comment(f"{seen.name} is WSL:")
            yield from (comment(f"Observed: {name}: {value}") for name, value in seen.wsl)
            yield "wsl_setup:"
            yield comment(f"{DECIDE}: what starts it at logon: task, script or none", 2)
            yield "  start: task"
            return


def alone(home: Home) -> Container | None:
    """A Jellyfin that belongs to no Compose project: the one that chapter 02 is about."""
    return next(
        (c for s in home.machines if s.docker for c in s.docker.single if "jellyfin" in c.image), None
    )


def _jellyfin(home: Home, first: Seen) -> Iterator[str]:
    found = alone(home)
    if found is None:
        return
    port = next((p.port for p in found.ports if p.inside == 8096), 0)
    kept = next((m.source for m in found.mounts if m.inside == "/config" and m.kind == "bind"), "")
    image, _, tag = (
        found.image.rpartition(":") if ":" in found.image.rpartition("/")[2] else (found.image, "", "latest")
    )
    yield comment(
        f"Observed: the container {found.name} runs {found.image}; its image was made {_day(found)}."
    )
    yield "jellyfin:"
    yield f"  image: {scalar(image.partition('@')[0])}"
    yield f"  tag: {scalar(tag)}" if not found.image.count("@") else comment("pinned by digest", 2)
    yield f"  port: {port}" if port else comment("no published port was seen", 2)
    if kept.endswith("/config") and re.fullmatch(r"/[\w.-][\w./-]*", kept):
        yield f"  folder: {scalar(kept.removesuffix('/config'))}"
    elif kept:
        yield comment(
            f"Observed: it keeps its configuration in {kept}. A claim leaves a container called jellyfin alone",
            2,
        )
        yield comment("that keeps its data anywhere else than in <folder>/config.", 2)
    yield "  films: false"
    yield comment(f"{DECIDE}: who its admin is, and by which password the checks sign in", 2)
    yield comment("user: alice", 2)
    yield comment("password: env:JELLYFIN_PASSWORD", 2)


def _day(found: Container) -> str:
    return f"on {day(found.built)}" if found.built else "nobody knows when"


def _enrollment(home: Home, first: Seen) -> Iterator[str]:
    yield "enrollment:"
    node = first.node
    if node and node.running:
        yield comment(f"Observed: its name in the tailnet now. Tailscale {node.version}{f', and {node.latest} is out' if node.latest else ''}.", 2)  # fmt: skip
        if node.key_expires:
            yield comment(f"Observed: its login ends on {day(node.key_expires)}.", 2)
        if node.tags:
            yield comment(f"Observed: it carries {', '.join(node.tags)}.", 2)
    else:
        yield comment(f"{DECIDE}: the name that it gets in the tailnet; this is what it is called now", 2)
    yield f"  hostname: {scalar(label(first.called) or 'tequila')}"


def projects(home: Home) -> list[tuple[Seen, Project]]:
    """The Compose projects of all machines."""
    return [(s, p) for s in home.machines if s.docker for p in s.docker.projects]


def _services(home: Home, first: Seen) -> Iterator[str]:
    known = services.names()
    where = SERVICES if any(s.name == SERVICES for s in home.machines) else first.name
    yield "services:"
    yield comment(f"{DECIDE}: which of this runbook's services you want: {', '.join(known)}", 2)
    yield "  services: []"
    found = projects(home)
    if found:
        yield comment(
            "Your Compose projects. To adopt one take the # away: its file is used where it is and as it is,",
            2,
        )
        yield comment("and never written to; what should run and does not is planned, and checked.", 2)
    yield "  adopt:"
    for seen, project in found:
        yield from _adoptable(seen, project, where)
    for seen in home.machines:
        for one in seen.docker.single if seen.docker else ():
            yield comment(f"Observed: the container {one.name} ({one.image}) has no Compose project: {_state(one)}.", 2)  # fmt: skip
    yield comment(f"{DECIDE}: where backups go: a folder on another disk, or sftp:host:/path", 2)
    yield comment(f"backups: {_repository(home, where) or '/mnt/backup/restic'}", 2)


def _adoptable(seen: Seen, project: Project, where: str) -> Iterator[str]:
    yield comment(
        f"Observed: {project.name} on {seen.name}, in {project.folder or 'a folder of Windows'}:", 2
    )
    for one in project.containers:
        yield comment(f"    {one.service or one.name}: {one.image}, {_state(one)}", 2)
    if seen.name != where:
        yield comment(f"It cannot be adopted: services run on {where}.", 2)
        return
    if not project.adoptable:
        yield comment(f"It was started by Windows from {', '.join(project.files) or 'a file that nobody named'}: not to be adopted here.", 2)  # fmt: skip
        return
    yield f"  # - {scalar(','.join(project.files))}"


def _repository(home: Home, where: str) -> str:
    """Where restic has kept something before, as the machine `where` would call it."""
    for seen in home.machines:
        for one in seen.repositories:
            if one.kind == "restic":
                return one.at if seen.name == where else f"sftp:{seen.called}:{one.at}"
    return ""


def _state(one: Container) -> str:
    ports = ", ".join(f"{p.address + ':' if not p.everywhere else ''}{p.port}" for p in one.ports)
    health = f", {one.health}" if one.health and one.health != "none" else ""
    return f"{one.status}{health}{f', published on {ports}' if ports else ''}, restart {one.restart or 'no'}"


def _funnel(home: Home, first: Seen) -> Iterator[str]:
    for seen in home.machines:
        for shown in seen.node.served if seen.node else ():
            to = re.fullmatch(r"https?://(?:127\.0\.0\.1|localhost):(\d+)/?", shown.target)
            if shown.public and to and shown.path == "/" and shown.port in (443, 8443, 10000):
                yield comment(
                    f"Observed: {shown.url} is open to the whole internet already, from {shown.target}."
                )
                yield from ("funnel:", f"  port: {shown.port}", f"  to: {to[1]}", "  quiz: false")
                return


def _ways(home: Home, first: Seen) -> Iterator[str]:
    for seen in home.machines:
        node = seen.node
        if node and node.offers_exit:
            yield comment(f"Observed: {node.name} offers itself as a way out.")
            if seen.name != "phone":
                yield from ("exit_node:", f"  exit_node: {scalar(seen.name)}")
            return
        if node and node.uses_exit_node:
            yield comment(f"Observed: {node.name} goes out through {node.uses_exit_node}.")


def _routes(home: Home, first: Seen) -> Iterator[str]:
    for seen in home.machines:
        node = seen.node
        if node and node.routes:
            waiting = [r for r in node.routes if r not in node.approved]
            yield comment(f"Observed: {node.name} offers {', '.join(node.routes)}{'; not approved: ' + ', '.join(waiting) if waiting else ''}.")  # fmt: skip
            yield from ("subnet_router:", f"  routers: [{scalar(seen.name)}]")
            yield f"  routes: {json.dumps(list(node.routes))}"
            yield comment(
                f"{DECIDE}: who uses them, and a name server and a database in that network, if there are", 2
            )
            yield from ("  clients: []", '  nameserver: ""', '  database: ""')
            return


def _ssh(home: Home, first: Seen) -> Iterator[str]:
    for seen in home.machines:
        if seen.node and seen.node.ssh:
            yield comment(f"Observed: {seen.node.name} runs Tailscale SSH.")
            yield from ("audited_ssh:", f"  server: {scalar(seen.name)}")
            return


def _gpu(home: Home, first: Seen) -> Iterator[str]:
    for seen in home.machines:
        if seen.gpus or _has_ollama(seen):
            for card in seen.gpus:
                yield comment(
                    f"Observed: {seen.name} has the card {card.name}, {size(card.total)}, driver {card.driver}."
                )
            yield from ("gpu_benchmarks:", f"  server: {scalar(seen.name)}")
            if _has_ollama(seen):
                yield comment("Observed: something listens on Ollama's port 11434.", 2)
                yield comment("engine: ollama", 2)
            return


def _has_ollama(seen: Seen) -> bool:
    return any(listener.port == OLLAMA for listener in seen.listeners)
