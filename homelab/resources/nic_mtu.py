"""The MTU of a network device of a Linux machine: the largest packet that it sends, in bytes.

It lasts until the device is made anew. In WSL that is the next start; a line in ``/etc/wsl.conf`` (``[boot]
command``) says it again then.

Source: https://github.com/tailscale/tailscale/issues/4833 (raising it mends Tailscale inside WSL).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine


@dataclass(frozen=True)
class State:
    """The device `nic` and its `mtu` (bytes)."""

    nic: str = field(metadata={"show": False})
    mtu: int


def read(machine: Machine, name: str) -> State:
    """From ``ip link``; `name` is the device's.

    Raises:
        HomelabError: there is no such device.
    """
    done = machine.run(["ip", "-json", "link", "show", "dev", name])
    if not done:
        raise HomelabError(
            f"there is no network device {name!r}: {done.err.strip()}", machine.name, "`ip link` lists them"
        )
    return State(name, int(json.loads(done.out)[0]["mtu"]))


def way_out(machine: Machine) -> str:
    """The device that leads to the internet, such as ``eth0``.

    Raises:
        HomelabError: there is no default route.
    """
    words = machine.run(["ip", "-4", "route", "show", "default"]).out.split()
    if "dev" not in words[:-1]:
        raise HomelabError("there is no way out: no default route", machine.name, "`ip route`")
    return words[words.index("dev") + 1]


def command(before: State, after: State) -> list[str]:
    """``ip link set``."""
    return ["sudo", "ip", "link", "set", "dev", after.nic, "mtu", str(after.mtu)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: the kernel or the user may not.
    """
    machine.run(command(before, after)).ok()
