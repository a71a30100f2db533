"""Ollama on a machine: its program, and the service that its install script makes.

Source: https://github.com/ollama/ollama/blob/main/docs/linux.mdx, its sections on installing and on uninstalling.
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.machine import Machine
from homelab.wait import until

INSTALL = "curl -fsSL https://ollama.com/install.sh | sh"
REMOVE = """\
sudo systemctl stop ollama
sudo systemctl disable ollama
sudo rm -f /etc/systemd/system/ollama.service
sudo rm -rf "$(command -v ollama)" /usr/local/lib/ollama /usr/lib/ollama
sudo userdel ollama
sudo rm -rf /usr/share/ollama  # with its models"""
START = 30.0  # seconds


@dataclass(frozen=True)
class State:
    """Whether the program is there, and whether its server answers."""

    installed: bool
    running: bool


def read(machine: Machine, name: str = "") -> State:
    """``ollama list`` asks the server, and fails where none runs."""
    installed = bool(machine.run(["sh", "-c", "command -v ollama"]))
    return State(installed, installed and bool(machine.run(["ollama", "list"], timeout=30.0)))


def command(before: State, after: State) -> list[str]:
    """The talk's line to install, which starts it too; its page's lines to remove."""
    if not after.installed:
        return ["sh", "-c", REMOVE]
    if not before.installed:
        return ["sh", "-c", INSTALL]
    return ["sudo", "systemctl", "start" if after.running else "stop", "ollama"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until the server answers.

    Raises:
        CommandFailed: the script, or systemctl, did not end well.
        WaitTimeout: it is installed, but does not answer.
    """
    typed = command(before, after)
    machine.run(["sh", "-ec", typed[2]] if typed[0] == "sh" and after.installed else typed, timeout=1800).ok()
    if after.running:
        until(
            lambda: read(machine).running, bool, "Ollama to answer", START,
            hint="journalctl -u ollama -n 50", where=machine.name,
        )  # fmt: skip
