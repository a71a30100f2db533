"""Saved labs: folders in the cache, each with what it is and from whom; saving one, listing them, forgetting one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from homelab import __version__
from homelab.errors import LabError, LabRefused, PrerequisiteMissing, nearest
from homelab.labsocket import request

from . import build, cache, folder, launch, packages, paths

SCHEMA = 1
KIND, META = "saved", "meta.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
STAGE = re.compile(r"\d\d_")  # such names are the stages'
NO_ROOM = ("No space left", "Disk quota exceeded", "File too large")


@dataclass(frozen=True)
class Saved:
    """`of` says what made a stage's; `key` what it was built from: it fits no lab of another key or `tier`."""

    name: str
    of: str
    at: float  # seconds since 1970
    version: str
    tier: str
    key: str
    topology: str
    bytes: int

    @property
    def unfit(self) -> str:
        """Why no lab can be made of it here; empty where one can."""
        if self.tier != launch.tier():
            return f"it was saved by a lab of tier {self.tier}, and this one is {launch.tier()}"
        if self.key != key():
            return f"it was saved by another version ({self.version})"
        return ""


def key() -> str:
    """What a saved lab is made of besides its files: another tailscaled, cloud or certificate would not know them."""
    root = paths.cache() / "ca" / "root.pem"
    parts = (str(SCHEMA), build.tailscale_key(), build.cloud_key(), packages.key())
    certificate = root.read_bytes() if root.exists() else b""
    return hashlib.sha256(" ".join(parts).encode() + certificate).hexdigest()[:16]


def all_of_them() -> list[Saved]:
    """Every saved lab, the newest first; what another schema wrote is of another version."""
    found = []
    for path in (paths.cache() / KIND).glob(f"[a-z0-9]*/{META}"):
        try:
            data = json.loads(path.read_text())
            found.append(Saved(**{name: data[name] for name in Saved.__dataclass_fields__}))
        except (OSError, ValueError, KeyError):
            found.append(
                Saved(path.parent.name, "", path.stat().st_mtime, "unknown", launch.tier(), "", "", 0)
            )
    return sorted(found, key=lambda one: -one.at)


def find(name: str) -> tuple[Saved, Path]:
    """The saved lab `name` and its folder.

    Raises:
        LabRefused: there is none.
    """
    known = {one.name: one for one in all_of_them()}
    if name not in known:
        hint = nearest(name, known) or "./runbook lab save NAME saves the one that is up"
        raise LabRefused(f"no lab is saved as {name!r}", hint=hint)
    return known[name], paths.cache() / KIND / name


def require(name: str) -> Path:
    """The folder of the saved lab `name`, of which a lab can be made here.

    Raises:
        LabRefused: there is none.
        PrerequisiteMissing: it is another version's, or of another tier.
    """
    one, place = find(name)
    if why := one.unfit:
        raise PrerequisiteMissing(
            f"{name}: {why}", str(place), f"./runbook lab forget {name}, and save it again"
        )
    return place


def save(socket: Path, name: str, *, of: str = "", replace: bool = False) -> str:
    """Save the lab of `socket` as `name`; a line about it.

    Raises:
        LabRefused: it is no name, it is taken, or no lab is up.
        PrerequisiteMissing: there is no room in the cache.
        LabError: a machine could not be copied; nothing is left of it.
    """
    _fit(name, of)
    place = paths.cache() / KIND / name
    if place.exists() and not (replace or of):
        raise LabRefused(f"a lab is saved as {name!r} already", hint="--replace, or another name")
    start, status = time.monotonic(), request(socket, op="status")
    with cache.refusing_full_disk():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.parent.chmod(0o700)  # the nodes' keys are in it
        _sweep(place.parent)
        cache.need_room(_size(Path(status["state"])) + 64)
        new = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=place.parent))
    try:
        still = _copy(socket, new)
        size = sum(p.stat().st_size for p in new.iterdir() if p.is_file())
        one = Saved(name, of, time.time(), __version__, status["tier"], key(), status["topology"], size)
        (new / META).write_text(json.dumps({"schema": SCHEMA, **asdict(one)}))
        if place.exists():
            folder.remove(place)
        new.rename(place)
    except BaseException:
        folder.remove(new)
        raise
    took = time.monotonic() - start
    return (
        f"saved as {name}: {_megabytes(size)}, in {took:.1f} s; the lab stood still for {still:.1f} s of them"
    )


def forget(name: str) -> str:
    """Remove the saved lab `name`; a line about it.

    Raises:
        LabRefused: there is none.
    """
    one, place = find(name)
    folder.remove(place)
    return f"{name} is forgotten ({_megabytes(one.bytes)})"


def listed() -> str:
    """All of them for a person."""
    from . import show

    found = all_of_them()
    if not found:
        return "no lab is saved; ./runbook lab save NAME saves the one that is up"
    rows = [("name", "saved", "size", "")]
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
        rows.append((one.name, when, _megabytes(one.bytes), one.unfit or ("the stage's" if one.of else "")))
    return "\n".join(show.table(list(rows)))


def as_data() -> list[dict[str, Any]]:
    """All of them as plain data."""
    return [{**asdict(one), "unfit": one.unfit} for one in all_of_them()]


def _fit(name: str, of: str) -> None:
    if not NAME.fullmatch(name):
        hint = "small letters, digits, and . _ - after the first; at most 40"
        raise LabRefused(f"{name!r} is no name for a saved lab", hint=hint)
    if STAGE.match(name) and not of:
        raise LabRefused(f"{name!r} is a stage's name", hint="a saved lab needs one of its own")


def _copy(socket: Path, new: Path) -> float:
    """How long the lab stood still (s)."""
    try:
        return float(request(socket, op="save", folder=str(new))["still"])
    except LabError as error:
        if any(word in error.what for word in NO_ROOM):
            raise PrerequisiteMissing(
                f"the cache is full ({cache.free()} MiB are free); nothing half-done is left",
                str(paths.cache()),
                "make room (./runbook lab forget NAME), or set HOMELAB_CACHE to a folder on another disk",
            ) from error
        raise


def _size(state: Path) -> int:
    """What the disks of a lab take (MiB), more than what is saved of them."""
    done = subprocess.run(["du", "-smx", state / "disks"], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) if done.stdout else 0


def _sweep(top: Path) -> None:
    """Remove what killed ones left."""
    for left in top.glob(".new-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.{0 if size >= 1e7 else 1}f} MB"
