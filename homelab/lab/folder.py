"""A lab's state folder: who holds it, what version wrote it, and sweeping what a killed lab left."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homelab.errors import PrerequisiteMissing

from . import cgroups, launch, paths

SCHEMA = 1
RECORD, CONFIG, LOCK = "lab.json", "config.json", ".owner"
ROOM = 4  # MiB that logs and records may come to


def claim(folder: Path) -> int | None:
    """Hold `folder`, made anew and empty, or None when a living lab holds it; the lock is the descriptor.

    Raises:
        PrerequisiteMissing: another version's state is there, or the folder cannot be made.
    """
    with refusing_what_cannot_be_written():
        return _claim(folder)


@contextlib.contextmanager
def refusing_what_cannot_be_written() -> Iterator[None]:
    """Say clearly that the state folder is full, read-only or not ours.

    Raises:
        PrerequisiteMissing: it is.
    """
    root = paths.state_root()
    try:
        yield
    except OSError as error:
        raise PrerequisiteMissing(
            f"the lab's state cannot be written: {error.strerror or error}; nothing half-done is left",
            str(root),
            "make room there, or set HOMELAB_STATE to a folder of yours with a short name",
        ) from error


def need_room() -> None:
    """Stop before a step that would fill the disk.

    Raises:
        OSError: too little is free where the state is kept.
    """
    free = shutil.disk_usage(paths.state_root()).free // 2**20
    if free < ROOM:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({free} MiB are free, {ROOM} are needed)")


def _claim(folder: Path) -> int | None:
    paths.state_root().mkdir(parents=True, exist_ok=True)
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            with contextlib.suppress(OSError):  # somebody's state is in it
                folder.rmdir()
            raise
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        try:
            # Whoever held it before may have removed the folder between our open and our lock.
            same = (folder / LOCK).stat().st_ino == os.fstat(handle).st_ino
        except FileNotFoundError:
            same = False
        if same:
            break
        os.close(handle)
    try:
        refuse_other_version(folder)
    except PrerequisiteMissing:
        os.close(handle)
        raise
    folder.chmod(0o700)
    cgroups.sweep(folder / CONFIG)
    for entry in folder.iterdir():
        if entry.name != LOCK:
            remove(entry)
    return handle


def is_held(folder: Path) -> bool:
    """Whether a living owner holds `folder`."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def record(folder: Path) -> dict[str, Any]:
    """What the folder's lab wrote about itself; {} when nothing (yet)."""
    try:
        document = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def refuse_other_version(folder: Path) -> None:
    """Stop at state that another version of the lab wrote.

    Raises:
        PrerequisiteMissing: it is there.
    """
    written = record(folder)
    if written and written.get("schema") != SCHEMA:
        raise PrerequisiteMissing(
            f"the state there is of another version of the lab "
            f"(schema {written.get('schema')}, version {written.get('version')}; this one has schema {SCHEMA})",
            str(folder),
            "`./runbook lab down` ends that lab and removes it",
        )


def write_record(folder: Path, document: dict[str, Any]) -> None:
    """Write the folder's record; readers see the old one or the new one."""
    draft = folder / f".{RECORD}"
    draft.write_text(json.dumps({"schema": SCHEMA, **document}, indent=1))
    draft.chmod(0o600)
    draft.replace(folder / RECORD)


def sweep() -> None:
    """Remove the folders of labs of their own whose owner is gone."""
    for folder in paths.state_root().glob("own-*"):
        if not is_held(folder):
            cgroups.sweep(folder / CONFIG)
            remove(folder)


def remove(path: Path) -> None:
    """Remove a file or a folder, and do not mind one that is gone already."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not path.is_dir() or path.is_symlink():
            path.unlink()
            return
        try:
            shutil.rmtree(path)
        except PermissionError:
            if os.geteuid() == 0:
                raise
            # Without root, what containers wrote belongs to this user's subordinate ids.
            subprocess.run([*launch.USER_NAMESPACE, "--", "rm", "-rf", "--", path], check=False)
            shutil.rmtree(path)
