"""Which of the host's directories a machine's overlays can lie over.

As an ordinary user, overlayfs refuses a directory with other mounts below it (WSL has some in /usr/lib/wsl,
containers in /etc). There, only what has none is laid over; the rest is shown by links into a read-only
view of the host, and /etc is copied.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

VIEW = "/.host"  # where a machine sees the directories that links lead to


@dataclass(frozen=True)
class Part:
    """A directory of a machine that is an overlay; with `host`, the host's own is its lowest layer."""

    name: str
    host: bool = True

    @property
    def is_linked(self) -> bool:
        """Whether the base layer holds links into the view of the host instead."""
        return not self.host and self.name.startswith("usr/")


def parts(*, rootless: bool) -> list[Part]:
    """The overlays that every machine has."""
    mounts = _mounts() if rootless else []
    found = [Part("etc", not _below(Path("/etc"), mounts))]
    if not _below(Path("/usr"), mounts):
        return [Part("usr"), *found]
    folders = (f for f in Path("/usr").iterdir() if f.is_dir() and not f.is_symlink())
    return [*(Part(f"usr/{f.name}", not _below(f, mounts)) for f in folders), *found]


def fill(layer: Path, packages: Path, parts: list[Part]) -> None:
    """Put into the base layer what stands for the parts that cannot be laid over."""
    mounts = _mounts()
    for part in parts:
        if part.is_linked:
            _link(Path("/") / part.name, packages / part.name, layer / part.name, mounts)
        elif not part.host:
            shutil.copytree(
                Path("/") / part.name, layer / part.name, symlinks=True, ignore=_not_ours, dirs_exist_ok=True
            )


def _link(host: Path, packages: Path, layer: Path, mounts: list[Path]) -> None:
    layer.mkdir(parents=True, exist_ok=True)
    for entry in host.iterdir():
        to = layer / entry.name
        if entry.is_symlink():
            to.symlink_to(entry.readlink())
        elif entry in mounts:
            to.mkdir()
        elif entry.is_dir() and ((packages / entry.name).is_dir() or _below(entry, mounts)):
            _link(entry, packages / entry.name, to, mounts)
        else:
            to.symlink_to(f"{VIEW}{entry}")


def _not_ours(folder: str, names: list[str]) -> set[str]:
    """What cannot be copied: what we may not read, and what is no file."""
    here = [(name, Path(folder, name)) for name in names]
    return {
        name
        for name, path in here
        if not path.is_symlink() and not ((path.is_file() or path.is_dir()) and os.access(path, os.R_OK))
    }


def _below(folder: Path, mounts: list[Path]) -> bool:
    return any(folder in mount.parents for mount in mounts)


def _mounts() -> list[Path]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [Path(line.split()[4].encode().decode("unicode_escape")) for line in lines]
