"""The layer that all machines share: what differs from the host's own /usr and /etc, and what it hides.

A machine's /usr and /etc are overlays: the machine's own writes, this layer, the lab's packages, the
host's directories. /var, /opt, /home, /root, /tmp and /run are the machine's own and start empty.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from . import accounts, engine, hostview

WHITEOUT = stat.S_IFCHR  # a character device 0/0 is how overlayfs says "nothing here"
SUDO = Path(__file__).parent / "sudo.sh"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"

# A tailscale of the host's own, and daemons' configuration that is the reader's business.
HIDDEN_USR = (
    "usr/bin/tailscale", "usr/sbin/tailscaled", "usr/local/bin/tailscale", "usr/local/sbin/tailscaled",
    "usr/local/bin/tailscaled", "usr/share/keyrings/tailscale-archive-keyring.gpg",
)  # fmt: skip
HIDDEN_ETC = (
    "etc/apt/sources.list", "etc/default/tailscaled", "etc/machine-id", "etc/fstab", "etc/mtab",
    "etc/ssh/sshd_not_to_be_run",
)  # fmt: skip
EMPTIED_ETC = (
    "etc/apt/apt.conf.d", "etc/apt/auth.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d",
    "etc/docker", "etc/ssh/sshd_config.d", "etc/ssh/ssh_config.d", "etc/wireguard", "etc/NetworkManager", "etc/netplan", "etc/cron.d", "etc/tailscale",
)  # fmt: skip
HOST_NAMES = "hosts: files dns\n"
WRITABLE_DEPTH = 3


def make(layer: Path, packages: Path, ca: Path, parts: list[hostview.Part], *, own_everything: bool) -> None:
    """Fill `layer`, an empty folder on the lab's tmpfs.

    `own_everything`: in a user namespace the host's directories belong to nobody, so those that a
    machine's root writes to are made anew here and belong to it.
    """
    for part in parts:
        (layer / part.name).mkdir(parents=True, exist_ok=True)
        if own_everything and part.host:
            for folder in _folders(Path("/") / part.name, WRITABLE_DEPTH - part.name.count("/")):
                (layer / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
    hostview.fill(layer, packages, parts)
    for hidden in _hidden():
        # What was copied here is taken out again; what lies below needs a mark.
        below = any(part.host and hidden.is_relative_to(Path("/", part.name)) for part in parts)
        hide(layer / hidden.relative_to("/"), below=below)
    accounts.make(layer / "etc")
    engine.install(layer)
    # As the package would: host keys of the machine's own, at the first start.
    _write(layer / "etc/default/ssh", "ssh-keygen -A >/dev/null\nSSHD_OPTS=\n")
    _trust(layer, ca)
    _write(layer / "etc/nsswitch.conf", _names_by_dns())
    _write(layer / "etc/environment", "")
    _write(layer / "usr/local/bin/sudo", SUDO.read_text(), 0o755)
    _become(layer)
    for version in ("iptables", "ip6tables"):  # whatever the host's alternative is: nft works in every tier
        if any((root / "usr/sbin/xtables-nft-multi").exists() for root in (packages, Path("/"))):
            for suffix in ("", "-save", "-restore"):
                link(layer / f"usr/sbin/{version}{suffix}", "xtables-nft-multi")


def make_cover(layer: Path, layers: list[Path]) -> None:
    """Fill `layer`, which lies above all `layers` in machines without an engine, and hides theirs."""
    for name in engine.not_elsewhere(layers):
        hide(layer / name)


def link(path: Path, to: str) -> None:
    """A symbolic link in a layer, in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(to)


def hide(path: Path, *, below: bool = True) -> None:
    """Take `path` out of this layer and, with `below`, out of what lies below it."""
    if any(os.path.lexists(parent) and not parent.is_dir() for parent in path.parents):
        return  # it is in a folder that is hidden already
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if below:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(path, WHITEOUT | 0o000, 0)


def _hidden() -> Iterator[Path]:
    """What of the host's no machine sees."""
    for name in HIDDEN_USR + HIDDEN_ETC + engine.HIDDEN:
        if os.path.lexists("/" + name):
            yield Path("/", name)
    for name in EMPTIED_ETC:
        yield from _entries(Path("/", name))
    yield from _unreadable(Path("/etc"))


def _trust(layer: Path, ca: Path) -> None:
    usual = Path("/") / BUNDLE
    host = usual.read_text() if usual.exists() else ""
    root = (ca / "root.pem").read_text() if (ca / "root.pem").exists() else ""
    _write(layer / BUNDLE, host + root)


def _become(layer: Path) -> None:
    """setpriv with root's rights, for the group sudo alone: what sudo.sh becomes root by."""
    program = shutil.which("setpriv", path="/usr/bin:/bin")
    groups = (line.split(":") for line in (layer / "etc/group").read_text().splitlines())
    group = next((int(f[2]) for f in groups if f[0] == "sudo"), None)
    if program and group is not None:
        path = layer / "usr/local/lib/homelab/become"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program, path)
        os.chown(path, 0, group)
        path.chmod(0o4750)


def _names_by_dns() -> str:
    try:
        lines = Path("/etc/nsswitch.conf").read_text().splitlines(keepends=True)
    except OSError:
        lines = ["passwd: files\n", "group: files\n", "shadow: files\n"]
    return "".join(line for line in lines if not line.startswith("hosts:")) + HOST_NAMES


def _unreadable(folder: Path) -> Iterator[Path]:
    """What others may not read on the host is nobody's business in a machine, whose root could."""
    for entry in _entries(folder):
        info = entry.lstat()
        if stat.S_ISLNK(info.st_mode) or entry.name in ("shadow", "gshadow", "passwd-", "group-"):
            if entry.name.endswith("-"):
                yield entry
            continue
        needed = 0o005 if stat.S_ISDIR(info.st_mode) else 0o004
        if info.st_mode & needed != needed or not (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode)):
            yield entry
        elif stat.S_ISDIR(info.st_mode):
            yield from _unreadable(entry)


def _folders(top: Path, depth: int) -> Iterator[Path]:
    yield top
    if depth:
        for entry in _entries(top):
            if entry.is_dir() and not entry.is_symlink():
                yield from _folders(entry, depth - 1)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
