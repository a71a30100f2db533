"""What the lab runs on, made once per version into the cache: tailscaled, the cloud, packages, a CA."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import cache, golang, packages, paths, progress

TAILSCALE = "1.102.5"
CLOUD = Path(__file__).parent / "cloud"
TAGS = Path(__file__).parent / "tailscale.tags"
_VERSION = "-X tailscale.com/version."
STAMP = f"{_VERSION}shortStamp={TAILSCALE} {_VERSION}longStamp={TAILSCALE}-homelab"
LDFLAGS = f"-s -w {STAMP}"


@dataclass(frozen=True)
class Built:
    """Where the finished things lie."""

    tailscale: Path  # folder with tailscaled, tailscale
    cloud: Path  # the program
    packages: Path  # unpacked, never installed
    www: Path  # package and install pages
    ca: Path  # root.pem, root.key
    compose: Path  # versions of the Compose plugin; empty until one is asked for


def tailscale_key() -> str:
    """What the tailscaled in the cache is keyed by."""
    return _digest([CLOUD / "go.mod", CLOUD / "go.sum", TAGS], LDFLAGS)


def cloud_key() -> str:
    """What the cloud in the cache is keyed by: every file of its source but the tests."""
    files = (p for p in CLOUD.rglob("*") if p.is_file() and not p.name.endswith("_test.go"))
    return _digest(sorted(f for f in files if "testdata" not in f.parts))


def find() -> Built | None:
    """What is built, or None when anything is missing; takes no lock and writes nothing."""
    built = _places()
    there = (built.tailscale, built.cloud, built.packages, built.www, built.ca / "root.pem")
    return built if all(p.exists() for p in there) else None


def ensure() -> Built:
    """Everything built; makes what is missing. Two at once do it once.

    Raises:
        PrerequisiteMissing: no Go, no apt, or no network where one of them is needed; or the disk is full.
        LabError: a build failed.
    """
    if built := find():
        return built
    with cache.building(waiting=lambda: progress.say("another build holds the cache; waiting for it")):
        # Beside each other: the one waits for the network, the other for the processor.
        with ThreadPoolExecutor(1) as beside:
            fetched = beside.submit(packages.ensure)
            try:
                cache.keep("tailscale", tailscale_key(), tailscale)
                cache.keep("cloud", cloud_key(), _cloud)
            finally:
                fetched.result()  # where both fail, it is most often for the same reason: one is said
        built = _places()
        if not (built.ca / "root.pem").exists():
            golang.run(
                [str(built.cloud), "ca", "--dir", str(built.ca)], "making the lab's certificate authority"
            )
        cache.keep("repo", built.www.name, _repo)
    return built


def _places() -> Built:
    root = paths.cache()
    repo_key = hashlib.sha256(f"{tailscale_key()} {cloud_key()}".encode()).hexdigest()[:16]
    return Built(
        tailscale=root / "tailscale" / tailscale_key(),
        cloud=root / "cloud" / cloud_key() / "cloud",
        packages=packages.place(),
        www=root / "repo" / repo_key,
        ca=root / "ca",
        compose=root / "compose",
    )


def tailscale(folder: Path) -> None:
    """Build tailscaled, which is the command line too, into an empty folder; the cache's lock is held."""
    # Without Go's own cache the packages of tailscale are compiled and kept first.
    cache.need_room(200 if (paths.cache() / "go" / "build").is_dir() else 1200)
    tags = ",".join(TAGS.read_text().split())
    _go(
        f"building tailscaled {TAILSCALE} (once; about two minutes on two cores)",
        [
            "-tags",
            tags,
            "-ldflags",
            LDFLAGS,
            "-o",
            str(folder / "tailscaled"),
            "tailscale.com/cmd/tailscaled",
        ],
    )
    (folder / "tailscale").symlink_to("tailscaled")
    # The same program once more as machines see it: a layer to lay over their /usr.
    for name in ("sbin", "bin"):
        (folder / "layer" / "usr" / name).mkdir(parents=True)
    os.link(folder / "tailscaled", folder / "layer" / "usr" / "sbin" / "tailscaled")
    (folder / "layer" / "usr" / "bin" / "tailscale").symlink_to("../sbin/tailscaled")


def _cloud(folder: Path) -> None:
    cache.need_room(200)
    _go("building the lab's cloud", ["-ldflags", "-s -w", "-o", str(folder / "cloud"), "."])


def _repo(folder: Path) -> None:
    built = _places()
    program = [str(built.cloud), "repo", "--tailscale", str(built.tailscale)]
    golang.run([*program, "--version", TAILSCALE, "--out", str(folder)], "making the lab's package pages")


def _go(what: str, arguments: list[str]) -> None:
    golang.build(CLOUD, what, arguments)


def _digest(files: Iterable[Path], *more: str) -> str:
    sum_ = hashlib.sha256()
    for file in files:
        sum_.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    for text in more:
        sum_.update(text.encode())
    return sum_.hexdigest()[:16]
