"""A rule of Windows' own firewall which lets others in to one TCP port. Reading takes nobody, changing an administrator.

A rule for private networks does nothing where Windows takes the home for a public one, and nothing where
another firewall has taken over: whether it helps, only a probe from outside tells (`homelab.checks.wsl`).

Source: https://learn.microsoft.com/powershell/module/netsecurity/new-netfirewallrule
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wsl import elevation, powershell
from homelab.wsl.interop import ask, typed


@dataclass(frozen=True)
class State:
    """A rule that allows TCP to `port` (0: there is none) on networks of `profile`, from `remote`."""

    name: str = field(metadata={"show": False})
    port: int = 0
    profile: str = "Private"
    remote: str = "LocalSubnet"
    enabled: bool = True


def named(port: int, what: str = "") -> str:
    """What our rule for `port` is called."""
    return f"Homelab {what or 'TCP'} {port}"


def read(machine: Machine, name: str) -> State:
    """The rule that Windows displays as `name`.

    Raises:
        HomelabError: there are several of that name, or it is not of our kind.
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `homelab.wsl.interop.Said.ok`.
    """
    found = ask(machine, powershell.firewall_rules(name))
    if not found:
        return State(name)
    rule = {key: str(value) for key, value in found[0].items()}
    ours = (rule.get("Direction"), rule.get("Action"), rule.get("Protocol")) == ("Inbound", "Allow", "TCP")
    if len(found) > 1 or not ours or not rule.get("LocalPort", "").isdigit():
        raise HomelabError(
            f"Windows has {len(found)} firewall rule{'s' * (len(found) > 1)} called {name!r}, not one that lets TCP in",
            machine.name,
            "look at it in wf.msc, and rename or remove it",
        )
    return State(
        name, int(rule["LocalPort"]), rule.get("Profile", ""), rule.get("RemoteAddress", ""),
        rule.get("Enabled") == "True",
    )  # fmt: skip


def _scripts(before: State, after: State) -> list[str]:
    gone = [powershell.remove_firewall_rule(after.name)] if before.port else []
    if not after.port:
        return gone
    return [*gone, powershell.new_firewall_rule(after.name, after.port, after.profile, after.remote)]


def command(before: State, after: State) -> list[str]:
    """PowerShell's own commands, from a WSL terminal that was opened as administrator."""
    return ["sh", "-c", " &&\n".join(typed(*powershell.argv(s)) for s in _scripts(before, after))]


def do(machine: Machine, before: State, after: State) -> None:
    """Run them, as administrator of Windows.

    Raises:
        PrerequisiteMissing, CommandFailed, HomelabError, WaitTimeout: see `homelab.wsl.elevation.done`.
    """
    for script in _scripts(before, after):
        goal = State(after.name) if script.startswith("Remove") else after

        def holds(goal: State = goal) -> bool:
            now = read(machine, after.name)
            return now == goal or (now.port, goal.port) == (0, 0)

        what = f"the firewall rule {after.name!r} to be {'there' if goal.port else 'gone'}"
        elevation.done(machine, powershell.argv(script), holds, what)
