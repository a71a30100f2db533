"""WSL's own settings on Windows, ``%UserProfile%\\.wslconfig``: the whole text, edited with its comments kept.

What it says counts from WSL's next start on: ``wsl --shutdown``, which also ends whatever runs in WSL.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wsl import winfile, wslconfig
from homelab.wsl.releases import Windows

RESTART = "it counts from WSL's next start on: `wsl --shutdown` on Windows ends all that runs in WSL"


@dataclass(frozen=True)
class State:
    """The `text` of the file at `path`, as WSL sees it (None: there is none); replaced text is kept in `backup`."""

    path: str = field(metadata={"show": False})
    text: str | None
    backup: str = field(default="", compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """The file at `name`.

    Raises:
        HomelabError: it cannot be read.
    """
    return State(name, winfile.read(machine, name))


def wanted(before: State, backup: str, *settings: tuple[str, str, str]) -> State:
    """`before` with `settings` (section, key, value); a copy of what was there goes to the folder `backup`."""
    text = before.text or ""
    for section, key, value in settings:
        text = wslconfig.with_value(text, section, key, value)
    return State(before.path, text if text or before.text is not None else None, backup)


def mirrored(windows: Windows) -> tuple[str, str, str]:
    """The setting for mirrored networking.

    Raises:
        HomelabError: this Windows does not have it.
    """
    if not windows.mirrors:
        raise HomelabError(
            f"{windows.name} has no mirrored networking: it takes Windows 11 22H2",
            "Windows",
            "the way for this Windows is portproxy: a port of Windows that leads into WSL",
        )
    return ("wsl2", "networkingMode", "mirrored")


def difference(before: State, after: State) -> str:
    """The edit as a unified diff."""
    old, new = (before.text or "").splitlines(), (after.text or "").splitlines()
    if before.text is not None and after.text is None:
        return f"{after.path}: removed"
    return "\n".join(difflib.unified_diff(old, new, "now", "wanted", n=1, lineterm=""))


def command(before: State, after: State) -> list[str]:
    """Keep a copy, then write the file with the line ends that it had."""
    folder = after.backup or before.backup
    if after.text is None:
        return winfile.remove(after.path)
    return winfile.put(after.path, after.text, folder, before.text)


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: this user may not write there.
    """
    machine.run(command(before, after)).ok()
