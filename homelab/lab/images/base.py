"""The lowest layers: folders, accounts, the C library, busybox."""

from __future__ import annotations

import platform

from .definition import Entry, Layer

MULTIARCH = f"/usr/lib/{platform.machine()}-linux-gnu"
ACCOUNTS = {"root": 0, "postgres": 999, "redis": 999, "mosquitto": 1883, "nobody": 65534}
# As the loader has them, and where alternatives hide.
LIBRARIES = (
    MULTIARCH, MULTIARCH.removeprefix("/usr"), "/usr/lib", "/usr/lib64", "/usr/local/lib",
    f"{MULTIARCH}/blas", f"{MULTIARCH}/lapack",
)  # fmt: skip
SHELL = "/bin/sh"


def _folder(path: str, mode: int = 0o755) -> Entry:
    return Entry(path, dir=True, mode=mode)


def accounts(*names: str) -> tuple[Entry, ...]:
    """passwd, group and nsswitch.conf with root, nobody and `names`."""
    chosen = {name: ACCOUNTS[name] for name in ("root", *names, "nobody")}
    homes = {"root": "/root", "postgres": "/var/lib/postgresql"}
    people = "".join(f"{n}:x:{i}:{i}::{homes.get(n, '/')}:{SHELL}\n" for n, i in chosen.items())
    groups = "".join(f"{n}:x:{i}:\n" for n, i in chosen.items())
    return (
        Entry("/etc/passwd", text=people),
        Entry("/etc/group", text=groups),
        Entry("/etc/nsswitch.conf", text="passwd: files\ngroup: files\nhosts: files dns\n"),
    )


FOLDERS = (
    *(Entry(f"/{name}", link=f"usr/{name}") for name in ("bin", "lib", "lib64", "sbin")),
    *(_folder(f"/usr/{name}") for name in ("bin", "lib", "lib64", "sbin")),
    *(_folder(f"/{name}") for name in ("etc", "home", "proc", "run", "sys", "var", "var/lib")),
    _folder("/root", 0o700),
    _folder("/tmp", 0o1777),
    _folder("/var/tmp", 0o1777),
)


def empty(*names: str) -> Layer:
    """A file system without any program, for static ones."""
    return Layer("base", "folders and accounts", (*FOLDERS, *accounts(*names)))
