"""What the lab must leave on the host as it was, and its processes as the host sees them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

RULES = ("iptables-save", "ip6tables-save", "nft")
SETTINGS = ("net", "kernel/hostname", "kernel/domainname", "user", "fs/file-max", "vm/overcommit_memory")
# What any other program's traffic or the kernel itself changes, lab or no lab.
LIVELY = ("random", "nf_conntrack_count", "ns_last_pid", "uuid", "neigh", "tcp_fastopen_key", "stat_refresh")


def snapshot() -> dict[str, object]:
    """Everything outside the state folder that a lab might touch."""
    return {
        "resolv.conf": Path("/etc/resolv.conf").read_bytes(),
        "hosts": Path("/etc/hosts").read_bytes(),
        "rules": {
            p: _output(p, *(["list", "ruleset"] if p == "nft" else [])) for p in RULES if shutil.which(p)
        },
        "links": names("/sys/class/net"),
        "addresses": _output("ip", "-brief", "address"),
        "routes": _output("ip", "route") + _output("ip", "rule"),
        "settings": _settings(),
        "mounts": sorted(
            line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()
        ),
        "cgroups": sorted(str(p) for p in _cgroups() if not any(n.startswith("homelab-") for n in p.parts)),
        "var/lib": names("/var/lib"),
        "etc": sorted((str(p), p.lstat().st_mtime_ns) for p in Path("/etc").rglob("*")),
        "usr": sorted(
            (str(p), p.lstat().st_mtime_ns)
            for d in ("bin", "sbin", "lib", "local")
            for p in Path("/usr", d).glob("*")
        ),
        "home": names("/home"),
        "run": names("/run"),
        "hostname": os.uname().nodename,
        "namespaces": {
            n: str(Path("/proc/self/ns", n).readlink()) for n in ("net", "mnt", "pid", "uts", "ipc", "user")
        },
    }


def groups(state: Path) -> list[Path]:
    """The control groups of the lab that has this state folder; a host's own have other names."""
    return [Path(path) for _, path in json.loads((state / "config.json").read_text())["cgroups"]]


def _cgroups() -> list[Path]:
    """The hierarchies and their first level, where an engine would make its own; sessions come and go below."""
    top = Path("/sys/fs/cgroup")
    return [p for pattern in ("*", "*/*") for p in top.glob(pattern) if p.is_dir()]


def names(folder: str) -> list[str]:
    """What is in a folder, by name."""
    return sorted(entry.name for entry in Path(folder).iterdir())


def _settings() -> dict[str, str]:
    found = {}
    for name in SETTINGS:
        top = Path("/proc/sys", name)
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and not any(word in str(path) for word in LIVELY):
                try:
                    found[str(path)] = path.read_text()
                except OSError:
                    continue  # write-only
    return found


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def family(pid: int) -> set[tuple[int, str]]:
    """`pid` and all its descendants: PID and start time, which no other process ever has together."""
    children: dict[int, list[int]] = {}
    started: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            started[int(entry.name)] = fields[19]
    found, to_do = set(), [pid]
    while to_do:
        here = to_do.pop()
        if here in started:
            found.add((here, started[here]))
        to_do += children.get(here, [])
    return found


def alive(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those that still run."""
    left = set()
    for pid, start in processes:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[19] == start and fields[0] != "Z":
            left.add((pid, start))
    return left


def parent(pid: int) -> int:
    """The parent of `pid`."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
