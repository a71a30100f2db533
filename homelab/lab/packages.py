"""Programs that only the lab needs: fetched from the distribution, unpacked into the cache, never installed.

Installing them would start daemons on the reader's machine, and needs root. Here apt only works out
what is missing, with lists of its own, and `dpkg -x` unpacks it; machines of the lab see it as a layer.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from homelab.errors import PrerequisiteMissing

from . import cache, paths, progress

WANTED = (
    "tini",  # pid 1 of the lab
    "iproute2", "iptables", "conntrack",  # the network and its NAT
    "iputils-ping", "bind9-dnsutils", "curl", "procps", "less",  # what a person at a machine expects
    "docker.io", "containerd", "runc",  # the engine that machines with `docker: true` have
    "docker-registry",  # behind the lab's hub
    "openssh-server", "openssh-client", "openssh-sftp-server", "restic",  # backups, and where they go
    "mosquitto", "mosquitto-clients", "socat", "postgresql", "postgresql-client", "redis-server", "ffmpeg",
)  # fmt: skip
# What is installed here already is as good in the lab, in whatever version.
INSTALL = ("install", "--yes", "--no-install-recommends", "--no-upgrade")
ROOM = 100  # MiB: apt's lists, and some to spare; what the packages need, apt says
PATIENCE = 300.0  # seconds that apt may take
LAYOUT = 2  # raise it when what is done to the unpacked files changes
STATUS = Path("/var/lib/dpkg/status")  # what is installed here


def key(wanted: tuple[str, ...] = WANTED) -> str:
    """What unpacked packages are keyed by: the list, the distribution, the processor."""
    system = platform.freedesktop_os_release()
    release = f"{system.get('ID')} {system.get('VERSION_ID')} {platform.machine()} {LAYOUT}"
    return hashlib.sha256(f"{release} {' '.join(wanted)}".encode()).hexdigest()[:16]


def place(wanted: tuple[str, ...] = WANTED) -> Path:
    """The folder of unpacked packages: the lab's own or, given other names, what only an image needs."""
    return paths.cache() / "pkg" / key(wanted)


def ensure(wanted: tuple[str, ...] = WANTED) -> Path:
    """Unpacked packages; the cache's lock is held.

    Raises:
        PrerequisiteMissing: no apt, or no network and nothing in the cache.
    """
    return cache.keep("pkg", key(wanted), lambda folder: _make(folder, wanted))


def ensure_for(minimal: Path) -> Path:
    """The lab's packages for a machine that has only what `minimal`, a dpkg status file, lists; the lock is held.

    Raises:
        PrerequisiteMissing: no apt, or no network and nothing in the cache.
    """
    made = f"{key()}-{hashlib.sha256(minimal.read_bytes()).hexdigest()[:8]}"
    return cache.keep("pkg-for-bundle", made, lambda folder: _make(folder, WANTED, minimal))


def fetch(wanted: tuple[str, ...], into: Path, status: Path = STATUS) -> list[Path]:
    """The .deb files of `wanted`, and of what they need beside what `status` lists, in the empty folder `into`.

    Raises:
        PrerequisiteMissing: apt cannot fetch them.
    """
    plan = _apt(*INSTALL, "--print-uris", *wanted, status=status)
    uris = list(_uris(plan))
    cache.need_room(ROOM + _size(plan))
    _apt(*INSTALL, "--download-only", *wanted, archives=into, status=status)
    files = sorted(into.glob("*.deb"))
    if len(files) != len(uris):
        raise PrerequisiteMissing(
            f"{len(uris) - len(files)} of {len(uris)} packages did not arrive",
            hint="connect to the network and run `./runbook lab build` again",
        )
    return files


def _make(folder: Path, wanted: tuple[str, ...], status: Path = STATUS) -> None:
    missing = [p for p in ("apt-get", "dpkg-deb") if not shutil.which(p)]
    if missing:
        raise PrerequisiteMissing(
            f"the lab needs {', '.join(missing)} to unpack its programs; this is not Debian or Ubuntu",
            hint="use Debian 12+, Ubuntu 24.04+, or either of them inside WSL",
        )
    cache.need_room(ROOM)
    own = "Docker, programs of the network, of backups, …" if wanted == WANTED else ", ".join(wanted)
    with progress.step(f"fetching what only the lab needs ({own})"):
        _apt("update")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-debs-") as debs:
            for file in fetch(wanted, Path(debs), status):
                _unpack(file, folder)
    _as_installed(folder)


def _apt(*arguments: str, archives: Path | None = None, status: Path = STATUS) -> str:
    """apt-get on lists of our own, against what is installed by `status`; needs no root."""
    own = paths.cache() / "apt"
    for name in ("lists/partial", "cache/archives/partial", "log"):
        (own / name).mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State::Lists": own / "lists",
        "Dir::State::status": status,
        "Dir::State::extended_states": own / "extended_states",
        "Dir::Cache": own / "cache",
        "Dir::Cache::Archives": archives or own / "cache" / "archives",
        "Dir::Log": own / "log",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",
        "APT::Update::Post-Invoke": "",
        "Acquire::http::Timeout": "30",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    }
    flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    # Hooks of the reader's own apt (snapshots, notifications) are for installing, which this is not.
    flags += [
        "-o",
        "DPkg::Pre-Invoke=",
        "-o",
        "DPkg::Post-Invoke=",
        "-o",
        "APT::Update::Post-Invoke-Success=",
    ]
    if archives:
        (archives / "partial").mkdir()
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    kept = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    try:
        done = subprocess.run(
            ["apt-get", *flags, *arguments],
            capture_output=True,
            text=True,
            env=env | kept,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(f"apt-get {arguments[0]} did not end within {PATIENCE:.0f} s") from error
    # One source out of order is no reason to stop: the packages may be in the others.
    if done.returncode and arguments[0] != "update":
        raise _refused(done.stderr)
    return done.stdout


def _refused(said: str) -> Exception:
    errors = [line[3:] for line in said.splitlines() if line.startswith("E: ")] or [said.strip()]
    if "No space left" in said or "enough free space" in said:
        return cache.no_room(OSError(28, "No space left on device"))
    names = re.findall(
        r"(?:Unable to locate package|no installation candidate for|Package) '?([\w.+-]+)", said
    )
    what = f"packages {', '.join(dict.fromkeys(names))} cannot be had" if names else errors[0]
    return PrerequisiteMissing(
        f"what only the lab needs is not in the cache, and apt cannot fetch it: {what}",
        str(place()),
        "connect to the network and run `./runbook lab build`; `apt-get update` shows what apt can reach",
    )


def _uris(printed: str) -> Iterator[str]:
    for line in printed.splitlines():
        if found := re.match(r"'(\S+)' \S+\.deb ", line):
            yield found[1]


def _size(printed: str) -> int:
    """MiB of the packages and of what is in them, as apt told."""
    download = sum(int(n) for n in re.findall(r"^'\S+' \S+\.deb (\d+) ", printed, re.MULTILINE))
    found = re.search(r"^After this operation, ([\d.,]+) ([kMG]?)B of additional", printed, re.MULTILINE)
    unpacked = float(found[1].replace(",", "")) * _UNITS[found[2]] if found else 0.0
    return int((download + unpacked) / 2**20)


_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


def _unpack(deb: Path, folder: Path) -> None:
    done = subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], capture_output=True, text=True)
    if done.returncode:
        if "No space left" in done.stderr:
            raise cache.no_room(OSError(28, "No space left on device"))
        raise PrerequisiteMissing(f"{deb.name} cannot be unpacked: {done.stderr.strip()}")
    # dpkg leaves the mode of an archive's root on the folder, which others must be able to enter.
    folder.chmod(0o755)


def _as_installed(folder: Path) -> None:
    """What installing would have done by scripts: one /usr, and the usual name for each alternative.

    What of it concerns accounts and configuration is in base.py: it depends on the host.
    """
    for name in ("bin", "sbin", "lib", "lib64", "lib32", "libx32"):
        old = folder / name
        if old.is_dir() and not old.is_symlink():
            _merge(old, folder / "usr" / name)
    sbin = folder / "usr" / "sbin"
    if (sbin / "xtables-nft-multi").exists():
        for version in ("iptables", "ip6tables"):
            for suffix in ("", "-save", "-restore"):
                link = sbin / f"{version}{suffix}"
                link.unlink(missing_ok=True)
                link.symlink_to("xtables-nft-multi")
    # Libraries of which there are several kinds (BLAS, LAPACK: ffmpeg needs them) lie in folders of their kind.
    for library in (folder / "usr" / "lib").glob("*-linux-gnu*/*/lib*.so.[0-9]*"):
        kind = library.parent.name
        if kind in ("blas", "lapack") and not (link := library.parents[1] / library.name).exists():
            link.symlink_to(f"{kind}/{library.name}")
    settings = folder / "usr" / "share" / "openssh" / "sshd_config"
    if settings.exists():
        (folder / "etc" / "ssh").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(settings, folder / "etc" / "ssh" / "sshd_config")


def _merge(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        to = target / entry.name
        if entry.is_dir() and not entry.is_symlink() and to.is_dir():
            _merge(entry, to)
        else:
            entry.replace(to)
    source.rmdir()
