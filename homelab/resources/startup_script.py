"""The talk's way to start WSL with Windows: a small VBScript in the start-up folder (Win+R, ``shell:startup``).

The talk calls it ``wsl-init.vbe`` and hides the window by ``vbhide``, which nobody has defined: VBScript takes
that for nothing, nothing counts as 0, and 0 is the hidden window. Ours says 0, and its name ends in .vbs, as it is plain
text; whether Windows runs plain text that is called .vbe is not established. Plain ASCII and CRLF, since the
script host takes no UTF-8 mark. VBScript is going away: `homelab.resources.logon_task` is today's way.

Sources: https://learn.microsoft.com/previous-versions/windows/internet-explorer/ie-developer/windows-scripting/d5fk67ky(v=vs.84)
(Run, and its window style), https://gigazine.net/gsc_news/en/20240527-microsoft-vbscript-deprecation-timeline
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wsl import winfile

FILE = "wsl-init.vbs"
NAME = re.compile(r"^[A-Za-z0-9._-]+$")  # what WSL itself lets a distribution be called
TEXT = 'Set ws = CreateObject("WScript.Shell")\r\nws.Run "wsl -d {0}", 0\r\n'
OURS = re.compile(re.escape(TEXT).replace(r"\{0\}", r"[A-Za-z0-9._-]+"))


@dataclass(frozen=True)
class State:
    """The `text` of the script at `path`, as WSL sees it (None: there is none); replaced text is kept in `backup`.

    A copy must not lie in the start-up folder itself: Windows opens all that is there.
    """

    path: str = field(metadata={"show": False})
    text: str | None
    backup: str = field(default="", compare=False, metadata={"show": False})


def script(distribution: str) -> str:
    """The script that starts `distribution` without a window.

    Raises:
        HomelabError: no distribution can be called that.
    """
    if not NAME.match(distribution):
        raise HomelabError(f"{distribution!r} is no name of a distribution", "wsl", "wsl --list --verbose")
    return TEXT.format(distribution)


def read(machine: Machine, name: str) -> State:
    """The file at `name`.

    Raises:
        HomelabError: it cannot be read.
    """
    return State(name, winfile.read(machine, name))


def wanted(folder: str, distribution: str, backup: str) -> State:
    """The script in the start-up `folder`; whatever else has its name is kept in `backup`.

    Raises:
        HomelabError: no distribution can be called that.
    """
    return State(f"{folder.rstrip('/')}/{FILE}", script(distribution), backup)


def foreign(state: State) -> bool:
    """Whether a script is there which we have not written."""
    return state.text is not None and not OURS.fullmatch(state.text)


def difference(before: State, after: State) -> str:
    """Created, removed, or a diff; and where a foreign script is kept."""
    if before.text is None:
        return f"{after.path}: none → {len((after.text or '').splitlines())} lines"
    kept = f"\nkept: {_kept(before, after)}" if foreign(before) and _kept(before, after) else ""
    if after.text is None:
        return f"{after.path}: removed{kept}"
    old, new = before.text.splitlines(), after.text.splitlines()
    lines = list(difflib.unified_diff(old, new, "now", "wanted", n=2, lineterm=""))
    return "\n".join(lines or ["its line ends"]) + kept


def _kept(before: State, after: State) -> str:
    folder = after.backup or before.backup
    return winfile.kept(before.path, folder, before.text or "") if folder else ""


def command(before: State, after: State) -> list[str]:
    """Write or remove it; a script that is not ours is copied away before.

    Raises:
        HomelabError: that has no place to go to.
    """
    folder = after.backup or before.backup
    if foreign(before) and not folder:
        raise HomelabError(f"{before.path} is not ours, and has no place to be kept", "", "name a folder")
    old = before.text if foreign(before) else None
    if after.text is None:
        return winfile.remove(after.path, folder, old)
    return winfile.put(after.path, after.text, folder, old)


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        HomelabError: a foreign script has no place to be kept.
        CommandFailed: this user may not write there.
    """
    machine.run(command(before, after)).ok()
