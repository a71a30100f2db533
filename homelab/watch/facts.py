"""What a watch writes down of a home beside its stages: disks, keys, certificates, images, backups, clocks.

Plain data, one file a run: the weekly page reads them side by side. What could not be found out is said, with its
reason, under ``unknown``; nothing is made up.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from typing import Any

from homelab import stages, web
from homelab.check import Answer
from homelab.checks import clock
from homelab.engine import run as docker
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.params import for_stage
from homelab.resources import tailscale_status
from homelab.stages import services_care
from homelab.stages.services import Params as Services
from homelab.stages.services import home
from homelab.upkeep import releases, restic
from homelab.world import World
from homelab.wsl import powershell, where
from homelab.wsl.interop import ask

SCHEMA = 1
SERVICES = "04_services"
LONG = 240  # letters of a reason that are kept: both ends of it tell most
FOLDERS = ["docker", "ps", "-a", "--format", '{{.Label "com.docker.compose.project.working_dir"}}']
# File systems that hold nobody's data, and those that are parts of another.
LEAST = 16 << 20  # bytes: a smaller one is no disk that somebody fills
NOT_DISKS = ("tmpfs", "devtmpfs", "overlay", "none", "shm", "udev", "efivarfs", "rootfs", "snapfuse")
NOT_THERE = ("/boot", "/snap", "/var/lib/docker", "/usr/lib/wsl", "/mnt/wsl", "/run", "/dev", "/sys", "/proc")


def gather(world: World, at: str) -> dict[str, Any]:
    """All of it, `at` (ISO with its offset), by commands that only read; machines are asked at the same time."""
    machines = list(world.machines.values())
    with ThreadPoolExecutor(max(1, len(machines))) as pool:
        found = dict(
            zip(world.machines, pool.map(lambda m: _machine(m, _sidecars(world)), machines), strict=True)
        )
    return {
        "schema": SCHEMA,
        "at": at,
        "machines": found,
        "backups": _told(lambda: _backups(world)),
        "clock": [asdict(clock.right(world.login_server))],
    }


def _told(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except HomelabError as error:
        what = (
            error.what
            if len(error.what) <= LONG
            else f"{error.what[: LONG // 2]} … {error.what[-LONG // 2 :]}"
        )
        return {"unknown": f"{error.where}: {what}" if error.where else what}


def _machine(machine: Machine, sidecars: Sequence[str]) -> dict[str, Any]:
    node = _told(lambda: tailscale_status.status(machine))
    return {
        "disks": _told(lambda: disks(machine.run(["df", "-P", "-k"], timeout=20).out)),
        "vhdx": _told(lambda: _vhdx(machine)),
        "key": node if "unknown" in node else key(node),
        "certificates": _told(lambda: _certificates(machine, node, sidecars)),
        "images": _told(lambda: _images(machine)),
        "clock": asdict(clock.agrees(machine)),
    }


def disks(text: str) -> list[dict[str, Any]]:
    """The disks in what ``df -P -k`` printed: where, size and used (bytes). One disk that is in two places is named once."""
    found: dict[str, dict[str, Any]] = {}
    for line in text.splitlines()[1:]:
        words = line.split(None, 5)
        if len(words) < 6 or not (words[1].isdigit() and words[2].isdigit()) or words[1] == "0":
            continue
        device, size, used, _, _, mount = words
        real = (
            device not in NOT_DISKS and not device.startswith("/dev/loop") and not mount.startswith(NOT_THERE)
        )
        if mount == "/" or (real and int(size) * 1024 >= LEAST):
            found.setdefault(device, {"mount": mount, "size": int(size) * 1024, "used": int(used) * 1024})
    return list(found.values())


def _vhdx(machine: Machine) -> list[dict[str, Any]]:
    """The files on Windows that hold the disks of WSL: name and size (bytes). Nothing where this is not WSL."""
    if where.judge(where.look(machine)).kind != where.WSL2:
        return []
    answer = ask(machine, powershell.VIRTUAL_DISKS)
    return [
        {"name": str(d.get("Name")), "file": str(d.get("File")), "size": int(str(d["Size"]))}
        for d in answer
        if d.get("Size")
    ]


def key(node: dict[str, Any]) -> dict[str, Any]:
    """When the node's key ends, from ``tailscale status``; None: never."""
    me, state = node.get("Self") or {}, str(node.get("BackendState") or "tailscale does not answer")
    if state not in ("Running", "Stopped") or not tailscale_status.short_name(me):
        return {"unknown": state}
    return {"node": tailscale_status.short_name(me), "expires": me.get("KeyExpiry") or None}


def _sidecars(world: World) -> list[str]:
    """The services that may be devices of the tailnet, where the reader has them."""
    if SERVICES not in stages.names() or not world.params.manages(SERVICES):
        return []
    return _wish(world).names


def _wish(world: World) -> Services:
    return Services.model_validate(for_stage(world.params, SERVICES))


def _certificates(machine: Machine, node: dict[str, Any], sidecars: Sequence[str]) -> list[dict[str, Any]]:
    """When each certificate ends of what this node serves, and of its services that have a name of their own."""
    if node.get("BackendState") != "Running":
        return []
    served = tailscale_status.ask(machine, ["tailscale", "serve", "status", "--json"])
    hosts = sorted(served.get("Web") or {})
    names = {tailscale_status.short_name(p): p for p in tailscale_status.peers(node)}
    mine = [names[s] for s in sidecars if s in names and names[s].get("Online")]
    hosts += [f"{str(p['DNSName']).rstrip('.')}:443" for p in mine]
    return [_certificate(machine, *host.rsplit(":", 1)) for host in hosts]


def _certificate(machine: Machine, host: str, port: str) -> dict[str, Any]:
    try:
        context = ssl.create_default_context(cafile=web.trusted_by(machine) or None)
        with (
            web.dial(machine, host, int(port)) as plain,
            context.wrap_socket(plain, server_hostname=host) as secret,
        ):
            told = secret.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return {"host": host, "unknown": f"it is not trusted: {error.verify_message}"}
    except (HomelabError, OSError) as error:
        said = error.what if isinstance(error, HomelabError) else str(error)
        return {"host": host, "unknown": said}
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])))
    return {"host": host, "expires": ends.astimezone().isoformat(timespec="seconds")}


def _images(machine: Machine) -> list[dict[str, Any]]:
    """Which release each Compose service runs, and whether its registry offers another under the same tag."""
    if not machine.run(["sh", "-c", "command -v docker"]):
        return []
    folders = sorted(set(docker(machine, FOLDERS).out.split("\n")) - {""})
    running = [(folder, one) for folder in folders for one in releases.running(machine, folder)]
    offered = {r: _offer(machine, r) for r in sorted({one.reference for _, one in running})}
    return [
        {"project": folder.rpartition("/")[2], "service": one.service, "reference": one.reference,
         "version": one.image.word(), **_compared(one, offered[one.reference])}
        for folder, one in running
    ]  # fmt: skip


def _offer(machine: Machine, reference: str) -> str | dict[str, str]:
    if "@" in reference:
        return {"unknown": "it is pinned to one release"}
    found: str | dict[str, str] = _told(lambda: releases.digest_offered(machine, reference))
    return found


def _compared(one: releases.Container, offered: str | dict[str, str]) -> dict[str, Any]:
    if isinstance(offered, dict):
        return offered
    if not one.image.digest or not offered:
        return {"unknown": "it was built here" if offered else "the registry tells no digest"}
    return {"pending": offered != one.image.digest}


def _backups(world: World) -> list[dict[str, Any]]:
    """The last good backup and the last proved restore of each service that is there (ISO times; None: never)."""
    if SERVICES not in stages.names() or not world.params.manages(SERVICES):
        raise HomelabError("the services are not managed (manage: services)")
    wish = _wish(world)
    if not (place := services_care.place(world, wish)):
        raise HomelabError("no place for backups is named (services: backups:)")
    machine = home(world)
    found = restic.snapshots(machine, place)
    names = [folder.rpartition("/")[2] for folder in services_care.folders(world, wish)]
    return [
        {"service": name, "place": place, "last": _newest(restic.of_service(found, name)),
         "proved": _newest(restic.proofs(found, name))}
        for name in names
    ]  # fmt: skip


def _newest(found: Sequence[restic.Snapshot]) -> str | None:
    return found[-1].at.astimezone().isoformat(timespec="seconds") if found else None


def clocks(facts: dict[str, Any]) -> list[Answer]:
    """What was asked of clocks, as answers again."""
    told = [*facts["clock"], *(m["clock"] for m in facts["machines"].values())]
    return [Answer(**one) for one in told]
