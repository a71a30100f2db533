"""What the answers say: each function takes what a command printed, and makes facts of it; strange lines are passed over."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from homelab.engine import CLIENT_ALONE
from homelab.portrait.facts import (
    Container,
    Disk,
    Docker,
    Gpu,
    Listener,
    Mount,
    Mounted,
    Node,
    Peer,
    Port,
    Repository,
    Served,
    System,
)
from homelab.resources.tailscale_status import peers, short_name

LABEL = "com.docker.compose"
MIB = 1 << 20
PASSING = {"tmpfs", "devtmpfs", "squashfs", "overlay", "efivarfs", "ramfs", "fuse.snapfuse", "iso9660"}
LEAST = 16 << 20  # bytes: a smaller one is no disk that somebody fills
WHO = re.compile(r'\(\("([^"]+)"')


def system(text: str) -> System:
    """From `questions.SYSTEM`."""
    found: dict[str, Any] = {}
    programs = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "program":
            programs.append(value)
        elif key:
            found.setdefault(key, value.strip().strip('"'))
    known = {f.name for f in fields(System)}
    made = {k: v for k, v in found.items() if k in known}
    for key in ("uptime", "cores"):
        made[key] = _number(made.get(key))
    for key in ("memory", "available"):
        made[key] = _number(made.get(key)) * 1024
    made |= {"groups": tuple(str(found.get("groups", "")).split()), "programs": tuple(programs)}
    return System(**made | {"reboot": found.get("reboot") == "yes"})


def _number(word: object) -> int:
    return int(word) if isinstance(word, str) and word.isdigit() else 0


def node(status: Mapping[str, Any], prefs: Mapping[str, Any], served: Mapping[str, Any]) -> Node:
    """From ``tailscale status --json``, ``tailscale debug prefs`` and ``tailscale serve status --json``."""
    state = str(status.get("BackendState", ""))
    me, net = status.get("Self") or {}, status.get("CurrentTailnet") or {}
    others = [_peer(p) for p in peers(dict(status))]
    newer = status.get("ClientVersion") or {}
    way_out = (status.get("ExitNodeStatus") or {}).get("ID")
    through = next((short_name(p) for p in peers(dict(status)) if p.get("ID") == way_out), "")
    return Node(
        state,
        short_name(me) or str(me.get("HostName") or prefs.get("Hostname") or ""),
        str(me.get("DNSName") or "").rstrip("."),
        str(net.get("Name") or ""),
        tuple(me.get("TailscaleIPs") or ()),
        str(status.get("Version") or "").partition("-")[0],
        "" if newer.get("RunningLatest", True) else str(newer.get("LatestVersion") or ""),
        moment(me.get("KeyExpiry")),
        tuple(me.get("Tags") or ()),
        tuple(others),
        tuple(status.get("Health") or ()),
        str(prefs.get("ControlURL") or ""),
        tuple(prefs.get("AdvertiseRoutes") or ()),
        tuple(me.get("PrimaryRoutes") or ()),
        bool(prefs.get("RouteAll")),
        through,
        bool(prefs.get("RunSSH")),
        tuple(shown(served)),
    )


def _peer(data: Mapping[str, Any]) -> Peer:
    routes = tuple(data.get("PrimaryRoutes") or ())
    return Peer(
        short_name(dict(data)) or str(data.get("HostName") or "?"),
        str(data.get("OS") or ""),
        bool(data.get("Online")),
        bool(data.get("ExitNodeOption")),
        routes,
    )


def shown(served: Mapping[str, Any]) -> list[Served]:
    """What is shown by `tailscale serve`, also for as long as a command runs, and what of it is public."""
    found: list[Served] = []
    for config in (served, *(served.get("Foreground") or {}).values()):
        public = {k for k, yes in (config.get("AllowFunnel") or {}).items() if yes}
        for place, site in (config.get("Web") or {}).items():
            host, _, port = str(place).rpartition(":")
            for path, handler in (site.get("Handlers") or {}).items():
                target = (
                    handler.get("Proxy") or handler.get("Path") or ("a text" if handler.get("Text") else "?")
                )
                found.append(Served(host, _number(port), str(path), str(target), place in public))
        for port, way in (config.get("TCP") or {}).items():
            if forward := way.get("TCPForward"):
                host = next((p.rpartition(":")[0] for p in public if p.endswith(f":{port}")), "this machine")
                found.append(Served(host, _number(port), "", str(forward), host != "this machine"))
    return found


def moment(text: object) -> datetime | None:
    """A time as Go and Docker write it, to the second; None for none, and for their zero."""
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", str(text or ""))
    if not found or found[1] in ("0001", "0000"):
        return None
    return datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]


def docker(out: str, err: str, rc: int) -> Docker | None:
    """From `questions.DOCKER`; None where it is not installed."""
    if rc == 127:
        return None
    decoder, documents, at = json.JSONDecoder(), [], 0
    words: list[str] = []
    while at < len(out):
        if out[at] in "{[":
            with suppress(json.JSONDecodeError):
                document, at = decoder.raw_decode(out, at)
                documents.append(document)
                continue
        line, _, _ = out[at:].partition("\n")
        words.append(line)
        at += len(line) + 1
    said = [w.strip() for w in words if w.strip()]
    versions = documents[0] if documents and isinstance(documents[0], dict) else {}
    server = versions.get("Server") or {}
    if rc or not server:
        return Docker(refused=_refusal(err or out))
    lists = [d for d in documents[1:] if isinstance(d, list)]
    images = {i.get("Id"): i for i in (lists[1] if len(lists) > 1 else ())}
    containers = [_container(c, images.get(c.get("Image"), {})) for c in (lists[0] if lists else ())]
    return Docker(
        str(server.get("Version") or ""),
        str(server.get("ApiVersion") or ""),
        next((w for w in said if not w.isdigit()), ""),
        str((server.get("Platform") or {}).get("Name") or ""),
        next((int(w) for w in said if w.isdigit()), 0),
        tuple(sorted(containers, key=lambda c: c.name)),
    )


def _refusal(said: str) -> str:
    if "ermission denied" in said:
        return "this user may not talk to it"
    if "no engine" in said:
        return CLIENT_ALONE
    if "annot connect" in said or "ailed to connect" in said:
        return "it is installed and does not run"
    return (said.strip().splitlines() or ["it gives no answer"])[-1][:160]


def _container(data: Mapping[str, Any], image: Mapping[str, Any]) -> Container:
    config, state = data.get("Config") or {}, data.get("State") or {}
    labels, host = config.get("Labels") or {}, data.get("HostConfig") or {}
    digests = [d.partition("@")[2] for d in image.get("RepoDigests") or ()]
    files = str(labels.get(f"{LABEL}.project.config_files") or "")
    return Container(
        str(data.get("Name") or "").lstrip("/"),
        str(config.get("Image") or ""),
        digests[0] if digests else "",
        moment(image.get("Created")),
        str(state.get("Status") or ""),
        str((state.get("Health") or {}).get("Status") or ""),
        tuple(_ports((data.get("NetworkSettings") or {}).get("Ports") or host.get("PortBindings") or {})),
        tuple(
            Mount(str(m.get("Type")), str(m.get("Name") or m.get("Source") or ""), str(m.get("Destination")))
            for m in data.get("Mounts") or ()
        ),
        str((host.get("RestartPolicy") or {}).get("Name") or "no"),
        str(labels.get(f"{LABEL}.project") or ""),
        str(labels.get(f"{LABEL}.service") or ""),
        str(labels.get(f"{LABEL}.project.working_dir") or ""),
        tuple(f for f in files.split(",") if f),
    )


def _ports(bindings: Mapping[str, Any]) -> list[Port]:
    found: dict[tuple[int, int, str], Port] = {}
    for inside, places in bindings.items():
        number, _, protocol = inside.partition("/")
        for place in places or ():
            made = Port(
                str(place.get("HostIp") or ""), _number(place.get("HostPort")), _number(number), protocol
            )
            found.setdefault((made.port, made.inside, protocol), made)  # IPv6 says the same again
    return [found[key] for key in sorted(found)]


def gpus(text: str) -> tuple[Gpu, ...]:
    """From `questions.GPU`."""
    found = []
    for line in text.splitlines():
        words = [w.strip() for w in line.split(",")]
        if len(words) == 4 and words[1].isdigit():
            found.append(Gpu(words[0], int(words[1]) * MIB, _number(words[2]) * MIB, words[3]))
    return tuple(found)


def mounts(text: str) -> tuple[Mounted, ...]:
    """From ``df -P -T -k``: file systems that keep something; one that is mounted twice is named once."""
    found: dict[str, Mounted] = {}
    for line in text.splitlines()[1:]:
        words = line.split(None, 6)
        if len(words) < 7 or not words[2].isdigit() or not words[3].isdigit():
            continue
        source, kind, size, used, at = (
            words[0],
            words[1],
            int(words[2]) * 1024,
            int(words[3]) * 1024,
            words[6],
        )
        passing = kind in PASSING or at.startswith(
            ("/boot", "/snap/", "/proc", "/sys", "/dev", "/run", "/usr/lib")
        )
        if at == "/" or (size >= LEAST and not passing):
            key = source if source.startswith("/dev/") else at
            found.setdefault(key, Mounted(at, source, kind, size, used))
    return tuple(sorted(found.values(), key=lambda m: m.at))


def disks(text: str) -> tuple[Disk, ...]:
    """From ``lsblk -J -b -d``."""
    try:
        listed = json.loads(text).get("blockdevices", ())
    except (json.JSONDecodeError, AttributeError):
        return ()
    return tuple(
        Disk(str(d["name"]), int(d["size"]), d.get("rota") in (True, "1"), str(d.get("model") or "").strip())
        for d in listed
        if d.get("type") == "disk"
        and int(d.get("size") or 0) > 0
        and not str(d["name"]).startswith(("ram", "zram", "nbd"))
    )


def listeners(text: str) -> tuple[Listener, ...]:
    """From ``ss -Hltnp``; both families of addresses once."""
    found: dict[tuple[int, str], Listener] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 5 or words[0] != "LISTEN":
            continue
        address, _, port = words[3].rpartition(":")
        if not port.isdigit():
            continue
        who = WHO.search(line)
        made = Listener(address.strip("[]").partition("%")[0], int(port), who[1] if who else "")
        kind = "*" if made.everywhere else "lo" if made.loopback else made.address
        found.setdefault((made.port, kind), made)
    return tuple(found[key] for key in sorted(found))


def repositories(text: str) -> tuple[Repository, ...]:
    """From `questions.BACKUPS`."""
    found = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        stamp, _, at = rest.partition(" ")
        if at:
            newest = datetime.fromtimestamp(int(stamp), UTC) if stamp.isdigit() else None
            found.append(Repository(kind, at, newest))
    return tuple(sorted(found, key=lambda r: r.at))
