"""The Tailscale client on a Linux machine: which version is installed, and by which of the two ways.

Source: the talk's two install demos, the install script and the apt repository's lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.machine import Machine

SCRIPT = "curl -fsSL https://tailscale.com/install.sh | sh"
APT = """\
curl -fsSL https://pkgs.tailscale.com/stable/ubuntu/noble.noarmor.gpg | sudo tee /usr/share/keyrings/tailscale-archive-keyring.gpg >/dev/null
curl -fsSL https://pkgs.tailscale.com/stable/ubuntu/noble.tailscale-keyring.list | sudo tee /etc/apt/sources.list.d/tailscale.list
sudo apt-get update
sudo apt-get install tailscale -y"""
REMOVE = "sudo apt-get remove tailscale -y"
WAYS = {"script": SCRIPT, "apt": APT}


@dataclass(frozen=True)
class State:
    """Whether the client is installed; `way` (script or apt) is how it gets there."""

    installed: bool
    way: str = field(default="script", compare=False)


def read(machine: Machine, name: str = "") -> State:
    """Ask the shell for ``tailscale``."""
    return State(bool(machine.run(["sh", "-c", "command -v tailscale"])))


def command(before: State, after: State) -> list[str]:
    """The talk's lines to install; the package manager's to remove."""
    if after.installed:
        return ["sh", "-c", WAYS[after.way]]
    return ["sh", "-c", REMOVE]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: the script or apt did not end well.
    """
    machine.run(command(before, after), timeout=300).ok()
