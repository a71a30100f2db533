"""Letting the lab's hub offer images: built here into the cache, linked into its storage, and the registry started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homelab.errors import LabRefused
from homelab.labsocket import request

from . import cache, daemons, hub, progress


def supply(socket: Path, refs: list[str]) -> str:
    """Build what is missing of `refs` and offer it in the lab of `socket`; a line about what it offers now.

    Raises:
        LabRefused: there is no such lab or no such image; nothing was built.
        PrerequisiteMissing: what a build needs is not there.
        LabError: a build failed, or the registry did not start.
    """
    state = _state(socket)
    if not hub.is_built(refs):
        with cache.building(waiting=lambda: progress.say("another build holds the cache; waiting for it")):
            hub.build(refs)
    offered = hub.offer(state / daemons.HUB, refs)
    plugin = hub.compose() if hub.COMPOSE in refs else None
    request(socket, op="supply", images=bool(offered), plugin=plugin and plugin.parent.name)
    told = [f"the lab's hub offers {', '.join(offered)}"] if offered else []
    told += ["machines with Docker have `docker compose`"] if plugin else []
    return "; ".join(told) or "there is nothing to supply"


def tag(socket: Path, ref: str, new: str) -> str:
    """Publish what `ref` names as `new` too; a line about it.

    Raises:
        LabRefused: the hub does not offer `ref`, or `new` is no tag.
    """
    digest = hub.tag(_state(socket) / daemons.HUB, ref, new)
    return f"the tag {new} is {ref} now ({digest[:19]})"


def _state(socket: Path) -> Path:
    status: dict[str, Any] = request(socket, op="status")
    state = Path(status["state"])
    if not (state / daemons.HUB).is_dir():
        raise LabRefused("this lab has no hub: its topology has no cloud", status["topology"])
    return state
