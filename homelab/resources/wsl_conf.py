"""``/etc/wsl.conf``: a distribution's own settings for WSL, such as what runs at its start. The whole text.

It counts from the distribution's next start on. Source: https://learn.microsoft.com/windows/wsl/wsl-config
"""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wsl import wslconfig

PATH = "/etc/wsl.conf"
KEPT = f"{PATH}.before-homelab"  # a copy of what was there before our first edit


@dataclass(frozen=True)
class State:
    """The `text` of the file; None: there is none."""

    text: str | None


def read(machine: Machine, name: str = "") -> State:
    """The file; everybody may read it."""
    return State(machine.read_text(PATH))


def at_boot(state: State) -> str:
    """The command that WSL runs, as root, when the distribution starts; empty where there is none."""
    return wslconfig.value(state.text or "", "boot", "command") or ""


def with_command(state: State, command: str) -> State:
    """`state`, with `command` run when the distribution starts.

    Raises:
        HomelabError: another one is run there already; there can be one only.
    """
    now = at_boot(state)
    if now and now != command:
        raise HomelabError(
            f"{PATH} runs `{now}` at the start, and there can be one command only",
            "WSL",
            f"add `{command}` to it",
        )
    if state.text:
        return State(wslconfig.with_value(state.text, "boot", "command", command))
    return State(f"[boot]\ncommand={command}\n")


def difference(before: State, after: State) -> str:
    """The edit as a unified diff."""
    if after.text is None:
        return f"{PATH}: removed"
    if before.text is None:
        return f"{PATH}: none → {' '.join(after.text.split())}"
    old, new = before.text.splitlines(), after.text.splitlines()
    return "\n".join(difflib.unified_diff(old, new, "now", "wanted", n=1, lineterm=""))


def command(before: State, after: State) -> list[str]:
    """Keep a copy of what is there, then write it; or remove it."""
    if after.text is None:
        return ["sh", "-c", f"sudo rm -f {PATH}"]
    keep = "" if before.text is None else f"sudo cp -pn {PATH} {KEPT} &&\n"
    return ["sh", "-c", f"{keep}printf %s {shlex.quote(after.text)} | sudo tee {PATH} >/dev/null"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: this user may not become root.
    """
    machine.run(command(before, after)).ok()
