"""A machine of a home that answers the portrait's questions with what real programs print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from homelab.errors import WaitTimeout
from homelab.machine import Pending, Result
from homelab.person import Reader
from homelab.portrait.questions import QUESTIONS, SERVED

WHEN = datetime(2026, 11, 27, 18, 30, tzinfo=UTC)
SYSTEM = """\
name=laptop
kernel=6.1.0-28-amd64
architecture=x86_64
user=alice
groups=alice sudo docker
home=/home/alice
init=systemd
uptime=345600
cores=8
cpu=Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
memory=16303428
available=9303428
distribution="Debian GNU/Linux 12 (bookworm)"
id=debian
version="12"
program=tailscale
program=docker
program=sshd
program=ss
"""
STATUS: dict[str, Any] = {
    "Version": "1.90.6-t1234567-g7654321",
    "BackendState": "Running",
    "Self": {
        "ID": "n1", "HostName": "laptop", "DNSName": "laptop.snow-burbot.ts.net.", "OS": "linux", "Online": True,
        "TailscaleIPs": ["100.64.0.7", "fd7a:115c:a1e0::7"], "KeyExpiry": "2026-12-09T07:00:00Z",
        "PrimaryRoutes": None,
    },
    "MagicDNSSuffix": "snow-burbot.ts.net",
    "CurrentTailnet": {"Name": "alice@example.com", "MagicDNSSuffix": "snow-burbot.ts.net", "MagicDNSEnabled": True},
    "ClientVersion": {"RunningLatest": False, "LatestVersion": "1.92.1"},
    "Health": [],
    "Peer": {
        f"nodekey:{n}": {"ID": f"p{n}", "HostName": name, "DNSName": f"{name}.snow-burbot.ts.net.", "OS": os, "Online": on}
        for n, (name, os, on) in enumerate(
            [("phone", "android", True), ("tablet", "iOS", False), ("nas", "linux", True), ("office-pc", "windows", False)]
        )
    },
}  # fmt: skip
PREFS = {
    "ControlURL": "https://controlplane.tailscale.com", "RouteAll": False, "RunSSH": False, "Hostname": "laptop",
    "AdvertiseRoutes": ["192.168.178.0/24"],
}  # fmt: skip
SERVE = {
    "TCP": {"443": {"HTTPS": True}},
    "Web": {"laptop.snow-burbot.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3000"}}}},
    "AllowFunnel": {"laptop.snow-burbot.ts.net:443": True},
}


def container(
    name: str,
    image: str,
    *,
    ports: dict[str, str] | None = None,
    mounts: Sequence[tuple[str, str, str]] = (),
    project: str = "",
    files: str = "",
    status: str = "running",
    health: str = "",
    restart: str = "unless-stopped",
) -> dict[str, Any]:
    """As ``docker inspect`` describes one."""
    labels = {}
    if project:
        folder = files.partition(",")[0].rpartition("/")[0]
        labels = {
            "com.docker.compose.project": project, "com.docker.compose.service": name,
            "com.docker.compose.project.config_files": files, "com.docker.compose.project.working_dir": folder,
        }  # fmt: skip
    return {
        "Id": f"c-{name}", "Name": f"/{project + '-' if project else ''}{name}{'-1' if project else ''}", "Image": f"sha256:{name}",
        "Config": {"Image": image, "Labels": labels},
        "State": {"Status": status, **({"Health": {"Status": health}} if health else {})},
        "HostConfig": {"RestartPolicy": {"Name": restart}},
        "NetworkSettings": {
            "Ports": {
                inside: [{"HostIp": "0.0.0.0", "HostPort": port}, {"HostIp": "::", "HostPort": port}]
                for inside, port in (ports or {}).items()
            }
        },
        "Mounts": [{"Type": kind, "Source": source, "Destination": inside, "Name": inside[1:].replace("/", "_") if kind == "volume" else ""} for kind, source, inside in mounts],
    }  # fmt: skip


CONTAINERS = [
    container("jellyfin", "jellyfin/jellyfin:10.9.11", ports={"8096/tcp": "8096"}, health="healthy",
              mounts=[("bind", "/home/alice/jelly/config", "/config"), ("bind", "/mnt/films", "/media")]),
    container("db", "postgres:15", ports={"5432/tcp": "5432"}, mounts=[("volume", "/var/lib/docker/volumes/paper_db/_data", "/var/lib/postgresql/data")],
              project="paperless", files="/home/alice/docker/paperless/docker-compose.yml"),
    container("web", "ghcr.io/paperless-ngx/paperless-ngx:2.13", ports={"8000/tcp": "8000"}, restart="no", health="healthy",
              project="paperless", files="/home/alice/docker/paperless/docker-compose.yml"),
    container("frigate", "ghcr.io/blakeblackshear/frigate:stable", status="exited", project="cameras", files="C:\\Users\\alice\\cameras\\compose.yaml"),
]  # fmt: skip
IMAGES = [
    {
        "Id": f"sha256:{name}",
        "RepoDigests": [f"{name}@sha256:{'ab' * 32}"],
        "Created": f"{made}T10:00:00.123Z",
    }
    for name, made in (
        ("jellyfin", "2026-09-01"),
        ("db", "2025-03-04"),
        ("web", "2026-06-01"),
        ("frigate", "2026-10-01"),
    )
]
VERSION = {"Client": {"Version": "27.3.1"}, "Server": {"Version": "27.3.1", "ApiVersion": "1.47", "Platform": {"Name": "Docker Engine - Community"}}}  # fmt: skip
DF = """\
Filesystem     Type     1024-blocks      Used Available Capacity Mounted on
udev           devtmpfs     8113108         0   8113108       0% /dev
tmpfs          tmpfs        1630344      1788   1628556       1% /run
/dev/nvme0n1p2 ext4       238737052 214002000  12534600      95% /
/dev/nvme0n1p1 vfat          523244      5972    517272       2% /boot/efi
/dev/sda1      ext4      1921724676 902000000 922035000      50% /mnt/old disk
overlay        overlay    238737052 214002000  12534600      95% /var/lib/docker/overlay2/abc/merged
"""
SS = """\
LISTEN 0 4096         0.0.0.0:8096      0.0.0.0:*
LISTEN 0 4096            [::]:8096         [::]:*
LISTEN 0 4096         0.0.0.0:5432      0.0.0.0:*
LISTEN 0 128          0.0.0.0:22        0.0.0.0:*
LISTEN 0 4096   127.0.0.53%lo:53        0.0.0.0:*
LISTEN 0 5          127.0.0.1:3000      0.0.0.0:*    users:(("node",pid=812,fd=18))
"""
LSBLK = {
    "blockdevices": [
        {"name": "nvme0n1", "type": "disk", "size": 256060514304, "rota": False, "model": "SAMSUNG MZVLB256"},
        {"name": "sda", "type": "disk", "size": 2000398934016, "rota": True, "model": "WDC WD20EZRZ"},
        {"name": "zram0", "type": "disk", "size": 4294967296, "rota": False, "model": None},
    ]
}


class FakeHome:
    """One machine; `answers` maps a question (or a command) to output, or to output, error and exit status.

    A question whose answer is None never ends.
    """

    def __init__(self, name: str = "laptop", **answers: Any) -> None:
        self.name, self.about, self.person, self.pending = name, "", Reader(), Pending()
        self.asked: list[tuple[str, ...]] = []
        docker = f"{json.dumps(VERSION)}\ndefault\n7\n{json.dumps(CONTAINERS, indent=4)}\n{json.dumps(IMAGES, indent=4)}\n"
        self.answers: dict[str, Any] = {
            "system": SYSTEM, "docker": docker, "gpu": ("", "", 127), "mounts": DF, "disks": json.dumps(LSBLK),
            "listeners": SS, "backups": "", "schedules": "", "status": json.dumps(STATUS), "debug": json.dumps(PREFS),
            "serve": json.dumps(SERVE), **answers,
        }  # fmt: skip

    def run(self, argv: Sequence[str], *, timeout: float = 60, **more: Any) -> Result:
        self.asked.append(tuple(argv))
        names = {command: name for name, command in QUESTIONS.items()}
        name = names.get(tuple(argv)) or ("serve" if tuple(argv) == SERVED else "")
        if not name and argv[0] == "tailscale":
            name = argv[1]
        if not name:  # WSL's signs
            return Result(tuple(argv), 0, "kernel=6.1.0\ninit=systemd\n", "", 0.0, self.name)
        said = self.answers[name]
        if said is None:
            raise WaitTimeout(name, timeout, "it printed nothing", "", self.name)
        out, err, rc = said if isinstance(said, tuple) else (said, "", 0)
        return Result(tuple(argv), rc, out, err, 0.0, self.name)

    def read_text(self, path: str) -> str | None:
        return None

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        raise AssertionError("the portrait writes nothing")
