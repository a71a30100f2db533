"""Which ports of a machine's own loopback somebody listens on, and who: what a proxy on it can reach."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

from homelab.machine import Machine

WHO = re.compile(r'\(\("(?P<name>[^"]+)"')


def listeners(machine: Machine) -> dict[int, str]:
    """The program's name by port, from ``ss -Hltnp``; an empty name where only root could tell.

    Raises:
        CommandFailed: there is no ``ss``.
    """
    found: dict[int, str] = {}
    for line in machine.run(["ss", "-Hltnp"]).ok().out.splitlines():
        words = line.split()
        if len(words) < 5:
            continue
        address, _, port = words[3].rpartition(":")
        if port.isdigit() and _is_reached_by_loopback(address):
            who = WHO.search(line)
            found[int(port)] = (who["name"] if who else "") or found.get(int(port), "")
    return dict(sorted(found.items()))


def _is_reached_by_loopback(address: str) -> bool:
    bare = address.strip("[]").partition("%")[0]
    if bare == "*":
        return True
    try:
        parsed = ip_address(bare)
    except ValueError:
        return False
    return parsed.is_loopback or parsed.is_unspecified


def said(found: Mapping[int, str]) -> str:
    """`found` in words: ``3000 (python3), 8096``."""
    return (
        ", ".join(f"{port} ({who})" if who else str(port) for port, who in sorted(found.items())) or "no port"
    )
