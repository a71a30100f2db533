"""Where the lab keeps things: the cache, the state folders, and whose lab is whose."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from homelab.errors import PrerequisiteMissing

LONGEST_SOCKET = 107  # bytes of sun_path, less its end
CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_TOPOLOGY = CHECKOUT / "params" / "lab.yaml"


def cache() -> Path:
    """The user's cache: what can be built or downloaded again."""
    if own := os.environ.get("HOMELAB_CACHE"):
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "homelab-runbook"


def state_root() -> Path:
    """The folder of all this user's labs."""
    if own := os.environ.get("HOMELAB_STATE"):
        return Path(own).absolute()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base).absolute() / "homelab-runbook"


def lab_id(checkout: Path = CHECKOUT) -> str:
    """The identity of the lab of this user and this checkout."""
    return hashlib.sha256(f"{os.getuid()} {checkout.resolve()}".encode()).hexdigest()[:10]


def lab_folder() -> Path:
    """The state folder of this user's and this checkout's lab."""
    return state_root() / lab_id()


def socket_of(folder: Path) -> Path:
    """The lab's one socket.

    Raises:
        PrerequisiteMissing: the path is longer than the kernel takes.
    """
    path = folder / "lab.sock"
    size = len(os.fsencode(path))
    if size > LONGEST_SOCKET:
        raise PrerequisiteMissing(
            f"the lab's socket would have a path of {size} bytes; the kernel takes {LONGEST_SOCKET}",
            str(path),
            "set HOMELAB_STATE to a folder with a short name, for example HOMELAB_STATE=~/lab",
        )
    return path
