"""Making a bundle: builds and fetches what is not in the cache yet, then packs all of it into one file.

The packages are worked out as for a machine that has hardly anything: what happens to be installed here
need not be there.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homelab.errors import PrerequisiteMissing

from .. import build, cache, hub, packages, paths, progress
from . import contents, file

HELPERS = ("uidmap",)  # what an ordinary user's lab needs of the machine itself
BASE = ("python3",)  # what every seat has, beside what no Debian is without
NETWORK = "is the network there? what has been made so far stays in the cache"


def make(out: Path) -> str:
    """Write the bundle of this checkout for machines like this one to `out`; a line about it.

    Raises:
        PrerequisiteMissing: no network where something must be fetched, or no room.
        LabError: a build failed.
    """
    build.ensure()
    with cache.building(waiting=lambda: progress.say("another build holds the cache; waiting for it")):
        hub.build([*hub.keys(), hub.COMPOSE])
        with _minimal() as status:
            wide = packages.ensure_for(status)
            offline = cache.keep(
                contents.OFFLINE, contents.requirements_key(), lambda folder: _offline(folder, status)
            )
    folders = {name: contents.place(name) for name in contents.pieces()}
    folders[f"pkg/{packages.key()}"] = wide
    with _beside(out) as scratch, cache.refusing_full_disk():
        manifest: dict[str, Any] = {
            "schema": contents.SCHEMA,
            "made": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "checkout": _checkout(),
            "platform": contents.platform(),
            "tailscale": build.TAILSCALE,
            "wheels": sorted(p.name for p in (offline / "wheels").iterdir()),
            "debs": sorted(p.name for p in (offline / "debs").iterdir()),
            "pieces": {},
        }
        packed = {}
        for number, (name, about) in enumerate(contents.pieces().items()):
            member = f"pieces/{number:02}.tar.gz"
            packed[member] = scratch / f"{number}.tar.gz"
            with progress.step(f"packing {about}"):
                facts = file.pack(folders[name], packed[member])
            manifest["pieces"][name] = {"about": about, "member": member, **facts}
        file.write(out, manifest, packed)
    size = out.stat().st_size / 2**20
    seat = manifest["platform"]
    return (
        f"{out}: {size:,.0f} MiB, {len(manifest['pieces'])} pieces, for {seat['system']}, {seat['processor']}, "
        f"Python {seat['python']}\nOn a seat, with the same checkout: ./runbook bundle --use {out.name}"
    )


def _offline(folder: Path, status: Path) -> None:
    """Wheels, the uv that installs them, and what the machine itself may lack."""
    cache.need_room(1500)
    wheels, debs = folder / "wheels", folder / "debs"
    for made in (wheels, debs, folder / "bin"):
        made.mkdir()
    uv = re.search(r"^uv=(\S+)", (paths.CHECKOUT / "runbook").read_text(), re.MULTILINE)
    assert uv
    with tempfile.TemporaryDirectory(prefix="homelab-pip-") as own, progress.step("fetching Python packages"):
        pip = _pip(Path(own))
        lists = [paths.CHECKOUT / name for name in contents.LISTS]
        _wheels(pip, wheels, "--requirement", str(lists[-1]), uv[1])
        for other in other_patches("\n".join(path.read_text() for path in lists)):
            _wheels(pip, wheels, "--ignore-requires-python", other)
    _take_uv(wheels, folder / "bin" / "uv")
    packages.fetch(HELPERS, debs, status)
    shutil.rmtree(debs / "partial", ignore_errors=True)


def _wheels(pip: list[str], into: Path, *what: str) -> None:
    command = [*pip, "--disable-pip-version-check", "--quiet", "wheel", "--no-deps", "--wheel-dir", str(into)]
    done = subprocess.run([*command, *what], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr.strip() or "pip failed").splitlines()[-1]
        raise PrerequisiteMissing(f"the Python packages cannot be fetched: {said}", hint=NETWORK)


def other_patches(lists: str) -> list[str]:
    """The pins that only another patch release of our Python asks for: a seat has 3.11.2 where we have 3.11.7."""
    minor = re.escape(contents.platform()["python"])
    return re.findall(rf"^(\S+==\S+) ; python_full_version [<>]=? '{minor}\.\d+'$", lists, re.MULTILINE)


def _pip(own: Path) -> list[str]:
    """A pip: the one that the set-up keeps, or one in an environment of its own."""
    kept = Path(sys.prefix) / "uv" / "bin" / "pip"
    if kept.exists():
        return [str(kept), "--python", sys.executable]
    for command in (
        [sys.executable, "-m", "venv", str(own)],
        ["uv", "-q", "venv", "--seed", "--clear", str(own)],
    ):
        with contextlib.suppress(OSError):
            if subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0:
                return [str(own / "bin" / "pip")]
    raise PrerequisiteMissing("there is no pip, and none can be had", hint="sudo apt install python3-venv")


def _take_uv(wheels: Path, to: Path) -> None:
    """uv's program out of its wheel: a seat needs neither pip nor venv to begin."""
    (wheel,) = wheels.glob("uv-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
        to.write_bytes(archive.read(name))
    to.chmod(0o755)
    wheel.unlink()


@contextlib.contextmanager
def _minimal() -> Iterator[Path]:
    """A dpkg status of what every machine like this one has, in a temporary file."""
    with tempfile.NamedTemporaryFile("w", prefix="homelab-status-", suffix=".txt") as kept:
        kept.write("\n\n".join(needed(packages.STATUS.read_text().strip().split("\n\n"))) + "\n")
        kept.flush()
        yield Path(kept.name)


def needed(installed: list[str]) -> list[str]:
    """Of the paragraphs of a dpkg status: the required ones, Python, and all that these depend on."""
    by_name: dict[str, str] = {}
    for paragraph in installed:
        if found := re.match(r"Package: (\S+)", paragraph):
            by_name[found[1]] = paragraph
    waiting = [
        n for n, p in by_name.items() if re.search(r"^(?:Priority: required|Essential: yes)$", p, re.M)
    ]
    waiting += [name for name in BASE if name in by_name]
    found_: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found_ or name not in by_name:
            continue
        found_.add(name)
        needs = re.findall(r"^(?:Pre-)?Depends: (.*)$", by_name[name], re.MULTILINE)
        waiting += [
            re.split(r"[ (:|]", word.strip())[0] for line in needs for word in re.split(r"[,|]", line)
        ]
    return [p for name, p in by_name.items() if name in found_]


@contextlib.contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder for what is being packed, on the disk of `out`."""
    if not os.access(out.parent, os.W_OK):
        raise PrerequisiteMissing(
            "nothing can be written there", str(out.parent), "--out FILE names another place"
        )
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=out.parent) as scratch:
        yield Path(scratch)


def _checkout() -> str:
    """Which version this is, as git tells it."""
    command = ["git", "-C", str(paths.CHECKOUT), "describe", "--always", "--dirty", "--tags"]
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return done.stdout.strip()
    return "a checkout without git"
