"""Copying a running lab into a folder, and laying it out again in a new one: as files, in the lab's first process.

What is copied is what a disk holds when the power goes: every machine stands still meanwhile, so all copies are
of one moment. What is in memory only (connections, counters, routes typed by hand) is not among it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from . import daemons, disks
from .windows import disk as windows
from .wire import Refused

if TYPE_CHECKING:
    from .lab import Lab

NAMESPACE = "ns"  # the lab's own tmpfs, below its state folder
# Of the state folder: what a lab makes anew. All else is its users', such as the journal.
ITS_OWN = {
    ".owner",
    "config.json",
    "lab.json",
    "lab.sock",
    "init.log",
    "log",
    NAMESPACE,
    disks.NAME,
    daemons.HUB,
}
# What a machine makes anew at its start.
MADE_ANEW = ("./run", "./tmp", "./dev", "./proc", "./sys", "postmaster.pid")
# The order of layers is in these; where a file of a layer came from is not, and would name another mount.
ATTRIBUTES = ("--xattrs", "--xattrs-include=*", "--xattrs-exclude=*.overlay.origin")
PACKED = ".tar"
AT_ONCE = 4


def copy(lab: Lab, folder: Path) -> None:
    """Copy `lab`, whose machines stand still, into `folder`, which is empty.

    Raises:
        Refused: there is no room, or a file cannot be read.
    """
    place = lab.folder / NAMESPACE
    jobs: list[tuple[Path, Path, list[str], Sequence[str]]] = []
    parts = [f"{n}/up" for n in lab.machines] + [p.name for p in place.glob("*-docker")]
    parts += [f"{n}-windows/c" for n in lab.blueprint["machines"] if windows.home(place, n).is_dir()]
    jobs.append((place, folder / "layers", parts, ()))
    if (lab.folder / disks.NAME).is_dir():
        jobs.append((lab.folder, folder / "disks", [disks.NAME], ()))
    for name, machine in lab.machines.items():
        left_out = [*MADE_ANEW, *_mounted(machine.pid)]
        jobs.append((Path(f"/proc/{machine.pid}/root"), folder / f"root-{name}", ["."], left_out))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(_pack, *job) for job in jobs]:
            done.result()
    try:
        _link_tree(lab.folder / daemons.HUB, folder / daemons.HUB)
        for entry in lab.folder.iterdir():
            if entry.name not in ITS_OWN:
                _copy(entry, folder / "state" / entry.name)
    except OSError as error:
        raise Refused(f"the lab cannot be saved: {error.strerror or error}", str(folder)) from error


def lay_out(folder: Path, state: Path) -> None:
    """Put the layers and disks of the lab saved in `folder` into `state`, before its machines are made.

    Raises:
        Refused: they cannot be read, or there is no room.
    """
    _unpack(folder / "layers", state / NAMESPACE)
    if (folder / f"disks{PACKED}").exists():
        _unpack(folder / "disks", state)


def fill(folder: Path, roots: dict[str, Path]) -> None:
    """Put what machines had into their roots, which are made; by the machine's name.

    Raises:
        Refused: it cannot be read, or there is no room.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(_unpack, folder / f"root-{n}", root) for n, root in roots.items()]:
            done.result()


def bring(folder: Path, state: Path) -> None:
    """Put the users' own files and what the hub offered into the state folder of a lab that is not up yet.

    Raises:
        OSError: there is no room.
    """
    _link_tree(folder / daemons.HUB, state / daemons.HUB)
    if (folder / "state").is_dir():
        for entry in (folder / "state").iterdir():
            _copy(entry, state / entry.name)


@contextlib.contextmanager
def standing_still(lab: Lab) -> Iterator[None]:
    """All machines of `lab` stand still for as long as the block takes, and go on however it ends."""
    try:
        for machine in lab.machines.values():
            machine.ask("still")
        yield
    finally:
        for machine in lab.machines.values():
            with contextlib.suppress(Refused):
                machine.ask("still", over=True)


def _mounted(pid: int) -> list[str]:
    """Where other things are mounted in a machine: they are not its own, or are copied by themselves."""
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    points = (line.split()[4].encode().decode("unicode_escape") for line in lines)
    return sorted({f".{point}" for point in points if point != "/"})


def _pack(top: Path, to: Path, parts: Sequence[str], left_out: Sequence[str]) -> None:
    without = [f"--exclude={pattern}" for pattern in left_out]
    small = ["--use-compress-program=zstd -q -1"] if shutil.which("zstd") else []
    options = ["--one-file-system", "--sparse", *small, *ATTRIBUTES, *without]
    _tar(["--create", f"--file={to}{PACKED}", *options, "--directory", str(top), *parts])


def _unpack(of: Path, into: Path) -> None:
    # Folders that are there already are the machine's own, some with another's mount on them: as they are.
    keep = ["--numeric-owner", "--preserve-permissions", "--no-overwrite-dir"]
    _tar(["--extract", f"--file={of}{PACKED}", *keep, *ATTRIBUTES, "--directory", str(into)])


def _tar(words: list[str]) -> None:
    """GNU tar, which sees by itself whether something is packed small.

    Raises:
        Refused: it fails.
    """
    done = subprocess.run(["tar", *words], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "socket ignored" not in line][:3]
        raise Refused(f"tar failed: {' | '.join(said) or 'without a word'}", words[1].partition("=")[2])


def _link_tree(source: Path, to: Path) -> None:
    """A second name for each file, or a copy where that cannot be; its owners replace files and never write into them."""
    if source.is_dir():
        shutil.copytree(source, to, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, to: str) -> None:
    try:
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to, symlinks=True)
    elif source.is_file():
        shutil.copy2(source, to)
