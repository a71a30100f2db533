"""04, the reader's own Compose projects: adopted where they are and as they are, never rewritten."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Annotated

from homelab.machine import Machine
from homelab.params import spelled
from homelab.plan import Change, change
from homelab.resources import adopted

Own = Annotated[
    str,
    spelled(
        r"^(/|~/)[^,\x00-\x1f]+(,(/|~/)[^,\x00-\x1f]+)*\Z",
        "must be a Compose file such as /srv/media/compose.yaml (several of one project: with commas between)",
    ),
]


def own(machine: Machine, adopt: Sequence[str]) -> list[str]:
    """Each project by its Compose files, from the root on."""
    return [",".join(from_root(machine, p) for p in adopted.paths(files)) for files in adopt]


def changes(machine: Machine, adopt: Sequence[str]) -> list[Change]:
    """What of these projects should run and does not; their files are only read.

    Raises:
        EngineError: a file is not there, or Compose refuses it.
    """
    found: list[Change] = []
    for files in own(machine, adopt):
        now = adopted.read(machine, files)
        name = now.project or posixpath.basename(posixpath.dirname(adopted.paths(files)[0]))
        why = f"{name}, adopted: start what stands still"
        found += change(machine.name, "adopted", now, adopted.wanted(machine, now), why, name=files)
    return found


def from_root(machine: Machine, path: str) -> str:
    """`path` with the user's own folder in place of a tilde."""
    if path.startswith("~/"):
        return machine.run(["sh", "-c", 'printf %s "$HOME"']).ok().out.rstrip("/") + path[1:]
    return path
