"""The Tailscale client on a Linux machine: whether it is installed, and by which of the two ways.

Source: the talk's two install demos, the install script and the apt repository's lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.errors import CommandFailed
from homelab.machine import Machine
from homelab.resources.tailscale_status import STOPPED_DAEMON, status
from homelab.wait import until

SCRIPT = "curl -fsSL https://tailscale.com/install.sh | sh"
APT = """\
curl -fsSL https://pkgs.tailscale.com/stable/ubuntu/noble.noarmor.gpg | sudo tee /usr/share/keyrings/tailscale-archive-keyring.gpg >/dev/null
curl -fsSL https://pkgs.tailscale.com/stable/ubuntu/noble.tailscale-keyring.list | sudo tee /etc/apt/sources.list.d/tailscale.list
sudo apt-get update
sudo apt-get install tailscale -y"""
NOTHING = "installed nothing"
# Both ways also tell apt where the package comes from, which removing the package leaves behind.
REMOVE = """\
sudo apt-get remove tailscale -y
sudo rm -f /etc/apt/sources.list.d/tailscale.list /usr/share/keyrings/tailscale-archive-keyring.gpg"""
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
    """Run it, and wait for the daemon that the package starts.

    Raises:
        CommandFailed: the script or apt did not end well.
        WaitTimeout: it is installed, but its daemon does not answer.
    """
    done = machine.run(["sh", "-ec", command(before, after)[2]], timeout=300).ok()
    if (
        after.installed and not read(machine).installed
    ):  # a pipe into sh ends well also if nothing came through it
        raise CommandFailed(done.argv, done.rc, done.out, done.err, machine.name, NOTHING)
    if after.installed:
        until(
            lambda: str(status(machine)["BackendState"]),
            lambda said: said not in (STOPPED_DAEMON, "NoState"),
            "tailscaled to answer",
            15.0,
            hint="systemctl status tailscaled",
            where=machine.name,
        )
