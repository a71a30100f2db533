"""Disks of machines: folders in the lab's state folder, where there is room; the rest of a machine is in memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import engine, kernel
from .root import Place

NAME = "disks"  # below the state folder


def of(machine: dict[str, object], name: str, state: Path, memory: Path, *, rootless: bool) -> list[Place]:
    """What `machine` of the blueprint keeps on disk: its engine's images and containers, and further disks.

    The engine's layers need a file system that overlays can lie on; where the state folder's is none
    (it is in a container, say), they are in `memory`, the lab's tmpfs.
    """
    places = []
    if machine["docker"]:
        disk = state / NAME / name / "docker"
        disk.mkdir(parents=True, exist_ok=True)  # a saved lab's may be there
        if not _carries_overlays(disk, rootless=rootless):
            disk = memory / f"{name}-docker"
            disk.mkdir(exist_ok=True)
        places.append(Place(str(disk), engine.DATA, own=True))
        log = state / "log" / f"{name}-docker.log"
        log.touch(0o600)
        places.append(Place(str(log), engine.LOG, own=True))
    disks = machine["disks"]
    assert isinstance(disks, list)
    for target in disks:
        disk = state / NAME / name / target.strip("/").replace("/", "-")
        disk.mkdir(parents=True, exist_ok=True)
        places.append(Place(str(disk), target, own=True))
    return places


def _carries_overlays(folder: Path, *, rootless: bool) -> bool:
    """Whether an overlay can lie on `folder`; tried, and put in order again."""
    trial = folder / "trial"
    lower, upper, work, merged = (trial / n for n in ("lower", "upper", "work", "merged"))
    for path in (lower, upper, work, merged):
        path.mkdir(parents=True)
    data = f"lowerdir={lower},upperdir={upper},workdir={work}" + (",userxattr" if rootless else "")
    try:
        kernel.mount("overlay", merged, "overlay", 0, data)
    except OSError:
        return False
    else:
        kernel.detach(merged)
        return True
    finally:
        shutil.rmtree(trial)
