"""Using a bundle: proved as a whole first, then unpacked beside the cache, then put in its place."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path
from typing import Any

from homelab.errors import PrerequisiteMissing

from .. import cache, paths, progress
from . import contents, file

SPARE = 200  # MiB that stay free


def use(path: Path) -> str:
    """Put what is in the bundle `path` into the cache; a line about it. It is safe to repeat.

    Raises:
        PrerequisiteMissing: it is damaged, for another platform or version, or there is no room; nothing was changed.
    """
    with file.opened(path) as (manifest, tar):
        _require_platform(path, manifest)
        _require_version(path, manifest)
        wanted = {name: about for name, about in contents.missing().items() if name in manifest["pieces"]}
        unpacked = sum(manifest["pieces"][name]["unpacked"] for name in wanted) // 2**20
        cache.need_room(unpacked + SPARE if wanted else 0)
        with progress.step(f"reading all of {path.name}, whether it arrived whole"):
            file.prove(path, manifest, tar)
        with cache.building(waiting=lambda: progress.say("another build holds the cache; waiting for it")):
            _unpack(tar, manifest, list(wanted))
    made = f"made {manifest['made']} from {manifest['checkout']}"
    return f"{len(wanted)} of {len(manifest['pieces'])} pieces were new here, {unpacked} MiB; {made}"


def _unpack(tar: Any, manifest: dict[str, Any], names: list[str]) -> None:
    """All or nothing: every piece is whole before the first one is where it is looked for."""
    with cache.refusing_full_disk(), tempfile.TemporaryDirectory(prefix=".bundle-", dir=paths.cache()) as new:
        for number, name in enumerate(names):
            folder = Path(new, str(number))
            folder.mkdir()
            about = manifest["pieces"][name]["about"]
            with progress.step(f"unpacking {about}"):
                file.unpack(tar, manifest["pieces"][name]["member"], folder)
            folder.chmod(0o755)
        for number, name in enumerate(names):
            done = contents.place(name)
            done.parent.mkdir(parents=True, exist_ok=True)
            try:
                Path(new, str(number)).rename(done)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                shutil.rmtree(Path(new, str(number)), ignore_errors=True)  # it came here meanwhile


def _require_platform(path: Path, manifest: dict[str, Any]) -> None:
    here, there = contents.platform(), manifest["platform"]
    differs = [
        f"{what} {there.get(what)} (here: {here[what]})" for what in here if there.get(what) != here[what]
    ]
    if differs:
        hint = "make one on a machine like this one: ./runbook bundle"
        raise PrerequisiteMissing(
            f"it was made for {', '.join(differs)}; nothing was changed", str(path), hint
        )


def _require_version(path: Path, manifest: dict[str, Any]) -> None:
    lacking = [about for name, about in contents.pieces().items() if name not in manifest["pieces"]]
    if lacking:
        raise PrerequisiteMissing(
            f"it was made from another version ({manifest['checkout']}), and has not what this checkout needs: "
            f"{', '.join(lacking)}; nothing was changed",
            str(path),
            "check that version out here, or make a bundle from this one: ./runbook bundle",
        )
