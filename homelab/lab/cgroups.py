"""Control groups of the lab's own, for machines with Docker: made before the lab, removed after it.

Such a machine sees only its own part of each hierarchy, for it has a cgroup namespace; there the engine
limits its containers, and nothing in it can open the host's devices (devices.py). Version 1 was tried whole,
version 2 without any controller, for they cannot be in both.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from . import devices, kernel

MOUNTED = Path("/sys/fs/cgroup")
PATIENCE = 10.0  # seconds that the processes of a killed lab may take to be gone
Groups = list[tuple[str, str]]  # what a hierarchy is called below /sys/fs/cgroup, and our group in it


def plan(name: str) -> Groups:
    """Where groups called `name` would be: one in every hierarchy that is mounted here.

    Below the group that this process is in, so that limits which hold for us go on holding; in version 2,
    where a group with processes has no parts, at the top, and the hierarchy is called "" if it is the only one.
    """
    mounts, found = list(_mounts()), []
    for controllers, path in _memberships():
        wanted = set(controllers.split(",")) if controllers else None
        for top, point, options in mounts:
            if options is None if wanted is None else options is not None and wanted <= options:
                here = point / os.path.relpath(path, top) if wanted and path.startswith(top) else point
                below = "" if point == MOUNTED else point.relative_to(MOUNTED).as_posix()
                found.append((below, str(here / name)))
                break
    return found


def _memberships() -> Iterator[tuple[str, str]]:
    """The controllers, none for version 2, of every hierarchy, and the group in it that this process is in."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        yield controllers, path


def _mounts() -> Iterator[tuple[str, Path, set[str] | None]]:
    """Top, mount point and options of every mounted hierarchy; no options for version 2."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        system, _, options = kind.split(" ", 2)
        top, point = fields.split()[3:5]
        if system in ("cgroup", "cgroup2") and Path(point).is_relative_to(MOUNTED):
            yield top, Path(point), set(options.split(",")) if system == "cgroup" else None


def make(groups: Groups, machines: list[str]) -> None:
    """Make what `plan` planned, and in each group one for every one of `machines`.

    Raises:
        OSError: they cannot be made here; nothing is left of them.
    """
    try:
        for group in (Path(path) for _, path in groups):
            _make(group)
            if (group / "devices.deny").exists() or len(groups) == 1:
                devices.guard(group)
            if _is_v2(group):
                _delegate(group.parent, group)
            for machine in machines:
                _make(group / machine)
    except OSError:
        remove(groups, 0)
        raise


def _make(group: Path) -> None:
    group.mkdir()
    if (
        group / "cpuset.memory_migrate"
    ).exists():  # version 1's: empty in a new group, which takes no process
        for setting in ("cpuset.cpus", "cpuset.mems"):
            (group / setting).write_text((group.parent / setting).read_text())


def _is_v2(group: Path) -> bool:
    return (group / "cgroup.subtree_control").exists()


def _delegate(source: Path, group: Path) -> None:
    """Let parts of a version 2 `group` have the controllers that parts of `source` have."""
    for controller in (source / "cgroup.subtree_control").read_text().split():
        with contextlib.suppress(OSError):  # a limit less; everything else works
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def enter(groups: Groups, machine: str) -> Groups:
    """Move this process into a machine's part of `groups` and a cgroup namespace; the part.

    Raises:
        OSError: it is not there.
    """
    own = [(name, f"{path}/{machine}") for name, path in groups]
    for _, path in own:
        Path(path, "cgroup.procs").write_text("0")
    kernel.unshare(kernel.NEWCGROUP)
    for group in (Path(path) for _, path in own):
        if _is_v2(group):  # a group whose parts have controllers holds no process itself
            (group / "init").mkdir()
            (group / "init" / "cgroup.procs").write_text("0")
            _delegate(group.parent, group)
    return own


def show(groups: Groups, target: Path, *, rootless: bool) -> None:
    """Let the machine whose root is being built see its part, and only that, at `target`.

    Without root it has none, and sees the host's, which it cannot write to: an engine refuses to start
    where there are none to be seen.
    """
    if rootless:
        kernel.bind(MOUNTED, target, recursive=True)
        return
    if groups[0][0] == "":
        kernel.bind(groups[0][1], target)
        return
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "mode=755")
    for name, path in groups:
        (target / name).mkdir(parents=True)
        kernel.bind(path, target / name)
    for link in MOUNTED.iterdir():
        if link.is_symlink():  # cpu → cpu,cpuacct
            (target / link.name).symlink_to(link.readlink())


def remove(groups: Groups, patience: float = PATIENCE) -> None:
    """Remove `groups` once nothing lives in them, waiting at most `patience` seconds."""
    end, left = time.monotonic() + patience, [Path(path) for _, path in groups]
    while left := [group for group in left if not _is_gone(group)]:
        if time.monotonic() >= end:
            return
        time.sleep(0.005)


def sweep(config: Path) -> None:
    """Remove what the lab that had this configuration left, because whoever should have was killed too."""
    with contextlib.suppress(OSError, ValueError):
        remove(json.loads(config.read_text()).get("cgroups") or [], 0)


def _is_gone(group: Path) -> bool:
    """Remove a group and its parts, the innermost first; whether all of it is gone."""
    for path, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):  # it is in use, or somebody else was quicker
            Path(path).rmdir()
    return not group.exists()
