"""Tailscale's service on the Windows side: whether it runs, and whether it starts with Windows.

Asked and told from WSL by interop. Looking takes nobody, changing an administrator.

Source: https://learn.microsoft.com/powershell/module/microsoft.powershell.management/set-service
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wsl import elevation, powershell
from homelab.wsl.interop import ask, typed

SERVICE = "Tailscale"
AUTOMATIC, MANUAL = "Automatic", "Manual"


@dataclass(frozen=True)
class State:
    """`there`: it is installed; `start` is Windows' word for when it starts: Automatic, Manual, Disabled."""

    there: bool
    running: bool = False
    start: str = ""


def read(machine: Machine, name: str = "") -> State:
    """Asked of Windows.

    Raises:
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `homelab.wsl.interop.Said.ok`.
    """
    found = ask(machine, powershell.TAILSCALE)
    if not found:
        return State(False)
    return State(True, found[0].get("Status") == "Running", str(found[0].get("StartType") or ""))


def _script(after: State) -> str:
    return powershell.set_service(SERVICE, after.start, "Running" if after.running else "Stopped")


def command(before: State, after: State) -> list[str]:
    """PowerShell's own command, from a WSL terminal that was opened as administrator."""
    return ["sh", "-c", typed(*powershell.argv(_script(after)))]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, as administrator of Windows.

    Raises:
        HomelabError: it is not installed there, or the person said no.
        PrerequisiteMissing, CommandFailed, WaitTimeout: see `homelab.wsl.elevation.done`.
    """
    if before.there != after.there:
        raise HomelabError("Tailscale comes to Windows by its installer", "Windows", "https://tailscale.com/download")  # fmt: skip
    what = f"Tailscale's service to be {'running' if after.running else 'stopped'}"
    elevation.done(machine, powershell.argv(_script(after)), lambda: read(machine) == after, what)
