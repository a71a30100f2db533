"""aiohttp connections that start at a lab machine: names are resolved there, sockets are made there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult


class Seat(Protocol):
    """Where connections start: `homelab.lab_machine.LabMachine` is one."""

    name: str

    def socket(self) -> socket.socket:
        """An unconnected TCP socket, made there."""
        ...

    def resolve(self, host: str) -> list[str]:
        """The addresses that `host` has for it."""
        ...


def connector(seat: Seat, ca: str) -> aiohttp.TCPConnector:
    """What an `aiohttp.ClientSession` connects with to see the network as `seat` does; `ca` is the file of the root it trusts."""

    def made_there(address: object) -> socket.socket:
        made = seat.socket()
        made.setblocking(False)
        return made

    return aiohttp.TCPConnector(
        resolver=_ResolvedThere(seat),
        socket_factory=made_there,
        ssl=ssl.create_default_context(cafile=ca),
        family=socket.AF_INET,
    )


class _ResolvedThere(AbstractResolver):
    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.to_thread(self._seat.resolve, host)
        return [
            ResolveResult(
                hostname=host, host=a, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
            for a in found
        ]

    async def close(self) -> None:
        """Nothing is held."""
