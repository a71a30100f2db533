"""A port of Windows that leads into WSL: ``netsh interface portproxy``, TCP only.

WSL's address changes at each start, so a portproxy that was right yesterday may lead nowhere today: that
is drift, which `read` shows. Changing it takes an administrator of Windows (`homelab.wsl.elevation`).

Source: https://learn.microsoft.com/windows-server/networking/technologies/netsh/netsh-interface-portproxy
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wsl import elevation
from homelab.wsl.interop import call, typed
from homelab.wsl.parsers import Proxy, portproxies
from homelab.wsl.where import PRIVATE

SHOW = ("netsh.exe", "interface", "portproxy", "show", "v4tov4")
EVERY = "0.0.0.0"


@dataclass(frozen=True)
class State:
    """`listen` is where Windows takes connections, `connect` where they go (empty: nowhere); each ``address:port``."""

    listen: str
    connect: str = ""


def every(machine: Machine) -> list[Proxy]:
    """All portproxies of Windows.

    Raises:
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `homelab.wsl.interop.Said.ok`.
    """
    return portproxies(call(machine, *SHOW).ok().out)


def read(machine: Machine, name: str) -> State:
    """The one that listens on `name`, such as ``0.0.0.0:1883``. Anyone may look."""
    address, port = _parts(name)
    for found in every(machine):
        if found.listen_port == port and found.listen_address.replace("*", EVERY) == address:
            return State(name, f"{found.connect_address}:{found.connect_port}")
    return State(name)


def wanted(proxies: Sequence[Proxy], address: str, port: int, to_port: int = 0, listen: str = EVERY) -> State:
    """Port `port` of Windows leading to `to_port` of WSL at `address`, given the `proxies` that there are.

    One that leads to an older address of WSL is ours to refresh; any other one on that port is somebody's.

    Raises:
        HomelabError: the port is proxied elsewhere already.
    """
    state = State(f"{listen}:{port}", f"{address}:{to_port or port}")
    for found in proxies:
        if found.listens(listen, port) and not _ours(found, state, address, to_port or port):
            back = f"netsh interface portproxy delete v4tov4 listenaddress={found.listen_address} listenport={port}"
            raise HomelabError(
                f"port {port} of Windows is proxied elsewhere already: {found}",
                "netsh",
                f"choose another port; or, if nobody needs that one, as administrator: {back}",
            )
    return state


def _ours(found: Proxy, state: State, address: str, port: int) -> bool:
    if (found.listen_address.replace("*", EVERY), found.connect_port) != (
        state.listen.rpartition(":")[0],
        port,
    ):
        return False
    if found.connect_address == address:
        return True
    try:
        return ipaddress.ip_address(found.connect_address) in PRIVATE
    except ValueError:  # a name
        return False


def drifted(state: State, address: str) -> bool:
    """Whether it leads to another address than WSL has now."""
    return bool(state.connect) and state.connect.rpartition(":")[0] != address


def _parts(place: str) -> tuple[str, int]:
    address, _, port = place.rpartition(":")
    return address, int(port)


def argv(after: State) -> list[str]:
    """The call of netsh; ``add`` on a port that has one replaces it."""
    listen, port = _parts(after.listen)
    said = [f"listenaddress={listen}", f"listenport={port}"]
    if not after.connect:
        return ["netsh.exe", "interface", "portproxy", "delete", "v4tov4", *said]
    connect, to_port = _parts(after.connect)
    said += [f"connectaddress={connect}", f"connectport={to_port}"]
    return ["netsh.exe", "interface", "portproxy", "add", "v4tov4", *said]


def command(before: State, after: State) -> list[str]:
    """As one types it, from a WSL terminal that was opened as administrator."""
    return ["sh", "-c", typed(*argv(after))]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, as administrator of Windows.

    Raises:
        PrerequisiteMissing, CommandFailed, HomelabError, WaitTimeout: see `homelab.wsl.elevation.done`.
    """
    what = f"port {after.listen} of Windows " + (
        f"to lead to {after.connect}" if after.connect else "to be let go"
    )
    elevation.done(machine, argv(after), lambda: read(machine, after.listen) == after, what)
