"""Control groups of the lab's own, for machines with Docker: made before the lab, removed after it.

Such a machine sees only its own part of each hierarchy, for it has a cgroup namespace; there the engine
limits its containers. On version 1 nothing in it can open a block device, so not the host's disks either.
Version 2 is done by the kernel's documentation (admin-guide/cgroup-v2) and was not tried.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import kernel

MOUNTED = Path("/sys/fs/cgroup")
# What containers need by Docker's own defaults: making nodes (which opens nothing); null, full, zero, random,
# urandom, tty, console, ptmx, terminals; and tun and fuse. No disk, no memory, no loop device.
DEVICES = (
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
    "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm", "c 10:229 rwm",
)  # fmt: skip
PREFIX = "homelab-"
PATIENCE = 10.0  # seconds that the processes of a killed lab may take to be gone


@dataclass(frozen=True)
class Hierarchy:
    """A tree of control groups: what it is called below /sys/fs/cgroup, and the group that ours go into."""

    name: str  # "" where version 2 is all there is
    parent: Path
    controllers: tuple[str, ...]

    @property
    def is_v2(self) -> bool:
        """Whether it is the one of version 2."""
        return not self.controllers


def hierarchies() -> list[Hierarchy]:
    """All that are mounted here and that this process has a place in.

    Ours go below that place, so that limits which already hold for us go on holding; in version 2, where
    a group with processes has no parts, to the top.
    """
    mounts = list(_mounts())
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        controllers = tuple(names.split(",")) if names else ()
        for top, point, options in mounts:
            if options is None if not controllers else options and set(controllers) <= options:
                name = point.relative_to(MOUNTED).as_posix() if point != MOUNTED else ""
                here = point / os.path.relpath(path, top) if path.startswith(top) else point
                found.append(Hierarchy(name, here if controllers else point, controllers))
                break
    return found


def _mounts() -> Iterator[tuple[str, Path, set[str] | None]]:
    """Top, mount point and options of every mounted hierarchy; no options for version 2."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        system, _, options = kind.split(" ", 2)
        top, point = fields.split()[3:5]
        if system in ("cgroup", "cgroup2") and Path(point).is_relative_to(MOUNTED):
            yield top, Path(point), set(options.split(",")) if system == "cgroup" else None


def prefix_of(folder: Path) -> str:
    """How the groups of every lab that had this state folder begin."""
    return f"{PREFIX}{hashlib.sha256(str(folder).encode()).hexdigest()[:10]}-"


def make(folder: Path, machines: list[str]) -> str:
    """Make the groups for a lab, one in each for every one of `machines`; their name.

    Raises:
        OSError: they cannot be made here; nothing is left of them.
    """
    name = f"{prefix_of(folder)}{os.getpid()}-{time.time_ns() % 10**9:09d}"
    try:
        for hierarchy in hierarchies():
            own = hierarchy.parent / name
            _make(own, hierarchy)
            if "devices" in hierarchy.controllers:
                (own / "devices.deny").write_text("a")
                for rule in DEVICES:
                    (own / "devices.allow").write_text(rule)
            if hierarchy.is_v2:
                _delegate(hierarchy.parent, own)
            for machine in machines:
                _make(own / machine, hierarchy)
    except OSError:
        remove(name, 0)
        raise
    return name


def _make(group: Path, hierarchy: Hierarchy) -> None:
    group.mkdir()
    if "cpuset" in hierarchy.controllers:  # empty in a new group, which then takes no process
        for setting in ("cpuset.cpus", "cpuset.mems"):
            (group / setting).write_text((group.parent / setting).read_text())


def _delegate(source: Path, group: Path) -> None:
    """Let parts of a version 2 `group` have the controllers that parts of `source` have."""
    for controller in (source / "cgroup.subtree_control").read_text().split():
        with contextlib.suppress(OSError):  # a limit less; everything else works
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def enter(name: str, machine: str) -> list[tuple[str, Path]]:
    """Move this process into a machine's groups and a cgroup namespace; where they are, by hierarchy.

    Raises:
        OSError: they are not there.
    """
    places = [(h, h.parent / name / machine) for h in hierarchies()]
    for _, group in places:
        (group / "cgroup.procs").write_text("0")
    kernel.unshare(kernel.NEWCGROUP)
    for hierarchy, group in places:
        if hierarchy.is_v2:  # a group whose parts have controllers holds no process itself
            (group / "init").mkdir()
            (group / "init" / "cgroup.procs").write_text("0")
            _delegate(group.parent, group)
    return [(hierarchy.name, group) for hierarchy, group in places]


def show(places: list[tuple[str, Path]], target: Path, *, rootless: bool) -> None:
    """Let the machine whose root is being built see its groups, and only them, at `target`.

    Without root it has none, and sees the host's, which it cannot write to: an engine refuses to start
    where there are none to be seen.
    """
    if rootless:
        kernel.bind(MOUNTED, target, recursive=True)
        return
    if places and not places[0][0]:
        kernel.bind(places[0][1], target)
        return
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "mode=755")
    for name, group in places:
        (target / name).mkdir(parents=True)
        kernel.bind(group, target / name)
    for link in MOUNTED.iterdir():
        if link.is_symlink():  # cpu → cpu,cpuacct
            (target / link.name).symlink_to(link.readlink())


def remove(name: str, patience: float = PATIENCE) -> None:
    """Remove the groups called `name` once nothing lives in them, waiting at most `patience` seconds."""
    end = time.monotonic() + patience
    left = [h.parent / name for h in hierarchies()]
    while left := [group for group in left if not _is_gone(group)]:
        if time.monotonic() >= end:
            return
        time.sleep(0.005)


def sweep(folder: Path) -> None:
    """Remove what labs that had this state folder left, because whoever should have was killed too."""
    for hierarchy in hierarchies():
        for group in hierarchy.parent.glob(f"{prefix_of(folder)}*"):
            _is_gone(group)


def _is_gone(group: Path) -> bool:
    """Remove a group and its parts, the innermost first; whether all of it is gone."""
    for path, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):  # it is in use, or somebody else was quicker
            Path(path).rmdir()
    return not group.exists()
