"""The plugin `docker compose`: this machine's own, or built once from its source."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from .. import golang, progress
from .definition import Made
from .goprogram import IMAGES
from .sources import source_key

NAME = "docker-compose"
VERSION = "v2.40.3"  # as compose/go.mod has it
_MODULE = IMAGES / "compose"
_STAMP = f"-X github.com/docker/compose/v2/internal.Version={VERSION}"
# Where Docker's packages and people put it.
_PLACES = (
    "~/.docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def plugin() -> Made:
    """A folder with the plugin in it."""
    if own := _own():
        return Made("compose", lambda: f"own-{_sum(own)}", lambda folder: _copy(own, folder))
    key = source_key([_MODULE / "go.mod", _MODULE / "go.sum"])
    return Made("compose", lambda: f"{VERSION}-{key}", _build)


def _build(folder: Path) -> None:
    golang.build(
        _MODULE,
        f"building docker compose {VERSION} (once; two to ten minutes)",
        ["-ldflags", f"-s -w {_STAMP}", "-o", str(folder / NAME), "github.com/docker/compose/v2/cmd"],
    )


def _copy(own: Path, folder: Path) -> None:
    with progress.step(f"taking this machine's own docker compose ({own})"):
        shutil.copy(own, folder / NAME)


def _own() -> Path | None:
    """This machine's plugin, if it is version 2 or newer."""
    for place in _PLACES:
        file = Path(place).expanduser() / NAME
        if os.access(file, os.X_OK) and _major(file) >= 2:
            return file
    return None


def _major(file: Path) -> int:
    try:
        said = subprocess.run([file, "version", "--short"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.match(r"v?(\d+)\.", said.stdout.strip())
    return int(found[1]) if found else 0


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
