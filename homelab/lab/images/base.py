"""The lowest layer of most images: folders, accounts, busybox for a shell."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from .. import packages
from .definition import Entry, Layer

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUSYBOX = ("busybox-static",)  # the distribution's package
ZONES = ("tzdata",)
MULTIARCH = f"/usr/lib/{platform.machine()}-linux-gnu"
# As the loader has them, and where alternatives hide.
LIBRARIES = (
    MULTIARCH, MULTIARCH.removeprefix("/usr"), "/usr/lib", "/usr/lib64", "/usr/local/lib",
    f"{MULTIARCH}/blas", f"{MULTIARCH}/lapack",
)  # fmt: skip
# Numbers and homes as the real images have them.
ACCOUNTS = {
    "root": (0, "/root"),
    "postgres": (999, "/var/lib/postgresql"),
    "valkey": (999, "/data"),
    "mosquitto": (1883, "/mosquitto"),
    "nobody": (65534, "/"),
}
# What scripts of ours and a person in a container use; `busybox` itself has more.
APPLETS = """[ awk base64 basename cat chmod chown cp cut date dd df dirname du echo env expr false find free
    grep gunzip gzip head hostname id ip kill ln ls md5sum mkdir mktemp mount mv nc nproc nslookup od ping
    ping6 printf ps pwd readlink realpath rm rmdir sed seq sh sha256sum sleep sort stat stty su sync tail tar
    tee test top touch tr traceroute true tty umount uname uniq uptime vi watch wc wget which whoami xargs
    yes""".split()  # noqa: SIM905


def folder(path: str, mode: int = 0o755, owner: int = 0) -> Entry:
    """An empty folder."""
    return Entry(path, dir=True, mode=mode, uid=owner, gid=owner)


def accounts(*names: str) -> tuple[Entry, ...]:
    """Who there is: root, nobody and `names`."""
    chosen = {name: ACCOUNTS[name] for name in ("root", *names, "nobody")}
    people = "".join(f"{n}:x:{i}:{i}::{home}:/bin/sh\n" for n, (i, home) in chosen.items())
    groups = "".join(f"{n}:x:{i}:\n" for n, (i, _) in chosen.items())
    return Entry("/etc/passwd", text=people), Entry("/etc/group", text=groups)


def files() -> tuple[Entry, ...]:
    """A file system with nothing in it but folders and two accounts."""
    return (
        *(Entry(f"/{name}", link=f"usr/{name}") for name in ("bin", "lib", "lib64", "sbin")),
        *(folder(f"/usr/{name}") for name in ("bin", "lib", "lib64", "sbin")),
        *(folder(f"/{name}") for name in ("etc", "home", "proc", "run", "sys", "var", "var/lib")),
        folder("/root", 0o700),
        folder("/tmp", 0o1777),
        folder("/var/tmp", 0o1777),
        Entry("/var/run", link="../run"),
        *accounts(),
        Entry("/etc/nsswitch.conf", text="passwd: files\ngroup: files\nhosts: files dns\n"),
    )


def busybox() -> tuple[Entry, ...]:
    """busybox and its applets' names."""
    return (
        Entry("/usr/bin/busybox", file="/usr/bin/busybox"),
        *(Entry(f"/usr/bin/{name}", link="busybox") for name in APPLETS),
    )


# Times and characters of the world.
LOCALE = (
    Entry("/usr/lib/locale/C.utf8", tree="/usr/lib/locale/C.utf8"),
    Entry("/usr/share/zoneinfo", tree="/usr/share/zoneinfo", skip=("posix", "right")),
)
# The same bytes in every image that has it, so that it is pulled once.
SYSTEM = Layer("base", "folders, accounts, busybox", (*files(), *busybox()))


def programs(*paths: str) -> tuple[Entry, ...]:
    """Programs of the packages, with the libraries that they are linked to."""
    return tuple(Entry(path, file=path, needs=True) for path in paths)


def script(path: str, text: str) -> Entry:
    """An executable script."""
    return Entry(path, text=text, mode=0o755)


def version_in(pattern: str, otherwise: str) -> str:
    """The highest version that the distribution has of what lies at `pattern`, such as usr/lib/postgresql/*.

    `otherwise`: what the distribution will have, where its package is not unpacked yet.
    """
    found = [p.name for root in (packages.place(), Path("/")) for p in root.glob(pattern)]
    numbers = [n.group() for name in found if (n := re.search(r"\d+(\.\d+)*$", name))]
    return max(numbers, key=lambda n: tuple(map(int, n.split("."))), default=otherwise)
