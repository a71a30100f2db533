"""What a bundle holds, and for whom: one answer for who makes it, who uses it, and who checks a seat.

A piece is a folder of the cache, by its name there (``images/…``); its key says what it was made from, so
that a checkout of another version asks for another piece. The certificate authority and the signed
repository are no pieces: they hold private keys, and each seat makes its own without a network.
"""

from __future__ import annotations

import hashlib
import platform as host
import sys
from pathlib import Path

from .. import build, hub, packages, paths

SCHEMA = 1
MANIFEST = "manifest.json"
LISTS = ("requirements.txt", "requirements-benchmarks.txt")  # `runbook` counts the same ones
OFFLINE = "offline"  # the kind of the piece with wheels/, bin/uv and debs/
SUFFIX = ".tar"


def platform() -> dict[str, str]:
    """What a bundle fits: wheels and images want the same Python, packages the same distribution."""
    system = host.freedesktop_os_release()
    return {
        "system": f"{system.get('ID', 'unknown')} {system.get('VERSION_ID', '')}".strip(),
        "processor": host.machine(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def requirements_key() -> str:
    """What the wheels are for: the text of the lists, as `sha256sum` sees it."""
    text = b"".join((paths.CHECKOUT / name).read_bytes() for name in LISTS)
    return hashlib.sha256(text).hexdigest()[:16]


def pieces() -> dict[str, str]:
    """Every piece that this checkout needs on this platform, and what it is."""
    found = {
        f"tailscale/{build.tailscale_key()}": f"tailscaled {build.TAILSCALE}",
        f"cloud/{build.cloud_key()}": "the lab's cloud",
        f"pkg/{packages.key()}": "programs that only the lab needs",
        str(hub.compose().parent.relative_to(paths.cache())): "Docker Compose",
        f"{OFFLINE}/{requirements_key()}": "Python packages, with 09's engine and models",
    }
    return found | {f"images/{key}": f"the image {name}" for name, key in hub.keys().items()}


def missing() -> dict[str, str]:
    """The pieces that are not in the cache."""
    return {name: about for name, about in pieces().items() if not (paths.cache() / name).is_dir()}


def place(name: str) -> Path:
    """Where a piece lies in the cache, or would."""
    return paths.cache() / name
