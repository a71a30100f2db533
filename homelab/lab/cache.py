"""The cache's rules: one builder at a time, nothing half-done, a full disk said clearly."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from homelab.errors import PrerequisiteMissing

from . import paths


@contextmanager
def building(waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the cache's lock. `waiting` is called once if another build holds it.

    Raises:
        PrerequisiteMissing: the cache cannot be written (full, read-only).
    """
    with refusing_full_disk():
        paths.cache().mkdir(parents=True, exist_ok=True)
        handle = os.open(paths.cache() / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def keep(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder CACHE/kind/key, made by `make(folder)` when it is not there yet; the lock is held.

    `make` works in a folder of its own that is renamed when it is complete, so an interrupted build
    leaves nothing that looks finished; what it left is swept by the next one.
    """
    done = paths.cache() / kind / key
    if done.is_dir():
        return done
    with refusing_full_disk():
        done.parent.mkdir(parents=True, exist_ok=True)
        for left in done.parent.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=done.parent))
        new.chmod(0o755)
        try:
            make(new)
            new.rename(done)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return done


@contextmanager
def refusing_full_disk() -> Iterator[None]:
    """Turn "no space left" and the like into one clear error.

    Raises:
        PrerequisiteMissing: the disk is full, over quota or read-only.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise no_room(error) from error


def need_room(mebibytes: int) -> None:
    """Stop before a step that would fill the disk: apt, for one, hangs on a full one.

    Raises:
        PrerequisiteMissing: less than `mebibytes` are free.
    """
    if free() < mebibytes:
        raise no_room(OSError(errno.ENOSPC, f"the next step needs {mebibytes} MiB"))


def free() -> int:
    """MiB that are free where the cache is or would be."""
    place = paths.cache()
    here = next((p for p in (place, *place.parents) if p.exists()), place)
    return shutil.disk_usage(here).free // 2**20


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)


def no_room(error: OSError) -> Exception:
    """`error` as a `PrerequisiteMissing` when the cache has no room for us, else itself."""
    if error.errno not in _NO_ROOM:
        return error
    return PrerequisiteMissing(
        f"the cache cannot be written: {error.strerror} ({free()} MiB are free); nothing half-done is left",
        str(paths.cache()),
        "make room, or set HOMELAB_CACHE to a folder on another disk (about 2.5 GiB are needed)",
    )
