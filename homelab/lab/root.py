"""A machine's root: overlays over the host's /usr and /etc, everything else its own, on the lab's tmpfs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from . import accounts, cgroups, hostview, kernel

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# Parents before children.
FOLDERS = (
    "boot", "dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var",
    "var/backups", "var/cache", "var/lib", "var/local", "var/log", "var/mail", "var/opt", "var/spool", "var/tmp",
    "var/cache/apt", "var/cache/apt/archives", "var/cache/apt/archives/partial", "var/log/apt",
    "var/lib/apt", "var/lib/apt/lists", "var/lib/apt/lists/partial", "var/lib/misc", "var/lib/tailscale",
    "var/lib/dpkg", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers",
    "var/lib/dpkg/alternatives", "run/lock", "run/tailscale", "run/user", "run/sshd",
)  # fmt: skip
# What programs that give up being root write to; the accounts are in base.py.
OWNED = {
    "mosquitto": ("var/lib/mosquitto", "var/log/mosquitto", "run/mosquitto"),
    "postgres": ("var/lib/postgresql", "var/log/postgresql", "run/postgresql"),
    "redis": ("var/lib/redis", "var/log/redis", "run/redis"),
}
BASHRC = r"""[ -z "$PS1" ] && return
PS1='\u@\h:\w\$ '
alias ll='ls -l'
"""


@dataclass(frozen=True)
class Layers:
    """What a machine's root is made of, as paths in the lab's mount namespace."""

    base: Path  # shared by all machines, see base.py
    packages: Path  # unpacked programs of the lab
    tailscale: Path | None  # the client, where a machine has it from the start
    parts: tuple[hostview.Part, ...]
    cover: Path | None = None  # hides what this machine does not have, see engine.py


@dataclass(frozen=True)
class Place:
    """Something outside that a machine sees, and where; read-only unless it is the machine's own."""

    source: str
    target: str
    own: bool = False


def within(*wanted: Path) -> list[Path]:
    """What of `wanted` must be shown so that all of it is seen: nothing twice, and not what /usr has."""
    real = sorted({p.resolve() for p in wanted})
    shown: list[Path] = []
    for path in real:
        if not any(path.is_relative_to(p) for p in (Path("/usr"), *shown)):
            shown.append(path)
    return shown


def build(
    folder: Path,
    layers: Layers,
    hostname: str,
    resolver: str,
    places: list[Place],
    *,
    rootless: bool,
    room: int | None = None,
    restored: bool = False,
    groups: cgroups.Groups | None = None,
) -> None:
    """Make a root in `folder` and move this process into it.

    Called in the machine's own mount, PID and network namespaces, which it changes for good. `groups`:
    the control groups that it shall see; a machine without an engine sees none. `room`: what fits into it (MiB).
    `restored`: it has its name and addresses of others in its files already.
    """
    kernel.make_private()
    root = folder / "root"
    root.mkdir(parents=True)
    # A mount of its own, for pivot_root; on the lab's tmpfs, so nothing of it outlives the lab.
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID, f"mode=755,size={room}m" if room else "mode=755")
    for part in layers.parts:
        _overlay(folder, part, layers, rootless)
    _view_of_host(root, layers.parts)
    for name in ("bin", "sbin", "lib", "lib64", "lib32", "libx32"):
        if (link := Path("/", name)).is_symlink():
            (root / name).symlink_to(link.readlink())
    _own_folders(root)
    _devices(root)
    _proc_and_sys(root, rootless)
    if groups is not None:
        cgroups.show(groups, root / "sys" / "fs" / "cgroup", rootless=rootless)
    kernel.set_hostname(hostname)
    if not restored:
        _identity(root, hostname, resolver)
    for place in places:
        target = root / place.target.lstrip("/")
        if Path(place.source).is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        kernel.bind(place.source, target, read_only=not place.own)
        for parent in list(target.relative_to(root).parents)[:-1]:
            if not (mode := (root / parent).stat().st_mode) & 0o001:
                (root / parent).chmod(mode | 0o111)  # /root: what is shown is shown to everybody
    kernel.pivot_into(root)


def _overlay(folder: Path, part: hostview.Part, layers: Layers, rootless: bool) -> None:
    name = part.name
    upper, work, merged = folder / "up" / name, folder / "work" / name, folder / "root" / name
    for path in (upper, work, merged):
        path.mkdir(parents=True, exist_ok=True)  # the uppermost may be a saved lab's
    lower = [layers.base / name, layers.packages / name, *([Path("/") / name] if part.host else [])]
    if layers.tailscale:
        lower.insert(0, layers.tailscale / name)
        for inner in (layers.tailscale / name).glob("*/"):
            (upper / inner.name).mkdir(
                exist_ok=True
            )  # else the folder would belong to whoever built the layer
    if layers.cover:
        lower.insert(0, layers.cover / name)
    lowers = ":".join(str(p).replace(":", "\\:") for p in lower if p.is_dir())
    data = f"lowerdir={lowers},upperdir={upper},workdir={work}" + (",userxattr" if rootless else "")
    kernel.mount("overlay", merged, "overlay", 0, data)


def _view_of_host(root: Path, parts: tuple[hostview.Part, ...]) -> None:
    """What some directories link to where the host's cannot be laid over."""
    for part in parts:
        if part.is_linked:
            view = root / hostview.VIEW.lstrip("/") / part.name
            view.mkdir(parents=True)
            kernel.bind(Path("/") / part.name, view, read_only=True, recursive=True)
    for link in Path("/usr").iterdir():
        if link.is_symlink() and not (root / "usr" / link.name).is_symlink():
            (root / "usr" / link.name).symlink_to(link.readlink())


def _own_folders(root: Path) -> None:
    for name in FOLDERS:
        (root / name).mkdir(exist_ok=True)
    for name in ("var/lib/dpkg/status", "var/lib/dpkg/available"):
        (root / name).touch()
    for name in ("tmp", "var/tmp", "run/lock"):
        (root / name).chmod(0o1777)
    for name in ("root", "var/lib/tailscale"):
        (root / name).chmod(0o700)
    for name, folders in OWNED.items():
        user = accounts.number(root / "etc", name)
        for folder in folders:
            (root / folder).mkdir(exist_ok=True)
            if user is not None:
                os.chown(root / folder, user, -1)
    (root / "var/run").symlink_to("/run")
    (root / "var/lock").symlink_to("/run/lock")


def _devices(root: Path) -> None:
    """The few devices that programs expect; the host's disks are not among them."""
    dev = root / "dev"
    for name in (*DEVICES, "net/tun", "fuse"):
        source = Path("/dev") / name
        if source.exists():
            (dev / name).parent.mkdir(exist_ok=True)
            (dev / name).touch()
            kernel.bind(source, dev / name)
    (dev / "pts").mkdir()
    kernel.mount(
        "devpts",
        dev / "pts",
        "devpts",
        kernel.MS_NOSUID | kernel.MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=0620",
    )
    (dev / "shm").mkdir()
    (dev / "shm").chmod(0o1777)
    for name, to in (
        ("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"),
    ):  # fmt: skip
        (dev / name).symlink_to(to)


def _proc_and_sys(root: Path, rootless: bool) -> None:
    strict = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", root / "proc", "proc", strict)
    kernel.mount("sysfs", root / "sys", "sysfs", strict | kernel.MS_RDONLY)
    if rootless:
        return  # the kernel guards what is not ours, and a masked /proc would stop containers from having one
    proc = root / "proc"
    kernel.bind(proc / "sys", proc / "sys", read_only=True)
    kernel.bind(proc / "sys/net", proc / "sys/net")
    kernel.mount("none", proc / "sys/net", flags=kernel.MS_BIND | kernel.MS_REMOUNT | strict)
    for name in ("sysrq-trigger", "irq", "bus"):
        if (proc / name).exists():
            kernel.bind(proc / name, proc / name, read_only=True)


def _identity(root: Path, hostname: str, resolver: str) -> None:
    etc = root / "etc"
    _fresh(etc / "hostname", f"{hostname}\n")
    _fresh(
        etc / "hosts",
        f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n::1 localhost ip6-localhost ip6-loopback\n",
    )
    _fresh(etc / "resolv.conf", f"nameserver {resolver}\n" if resolver else "")
    (root / "root/.bashrc").write_text(BASHRC)
    (root / "root/.profile").write_text(". ~/.bashrc\n")


def _fresh(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # the host's may be a link to somewhere else
    path.write_text(text)
