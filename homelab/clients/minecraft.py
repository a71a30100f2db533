"""Ask a Minecraft server (Java edition) who it is, as the list of servers in the game does.

The kept library, `mcstatus`, opens its own connections; ours must start at another machine, such as the
phone. Source: https://minecraft.wiki/w/Java_Edition_protocol/Server_List_Ping.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass
from typing import BinaryIO

from homelab.errors import HomelabError

ANY_VERSION = -1  # we only ask, we don't play
LARGEST = 1 << 20  # bytes; an answer holds a small picture at most


@dataclass(frozen=True)
class Status:
    """What the server says: its `version`, who plays, and its `motto`."""

    version: str
    online: int
    most: int
    motto: str


def status(connection: socket.socket, host: str, port: int) -> Status:
    """Ask over `connection`; `host` and `port` are what the player typed.

    Raises:
        HomelabError: what answers is no Minecraft server.
    """
    where = f"{host}:{port}"
    hello = _int(0) + _int(ANY_VERSION) + _text(host) + struct.pack(">H", port) + _int(1)
    try:
        connection.sendall(_packet(hello) + _packet(_int(0)))
        with connection.makefile("rb") as stream:
            length = _read_int(stream)
            if not 0 < length <= LARGEST:
                raise ValueError(f"a packet of {length} bytes")
            if (kind := _read_int(stream)) != 0:
                raise ValueError(f"a packet of kind {kind}")
            size = _read_int(stream)
            if not 0 < size <= LARGEST:
                raise ValueError(f"a text of {size} bytes")
            found = json.loads(_exactly(stream, size))
        players = found["players"]
        return Status(str(found["version"]["name"]), int(players["online"]), int(players["max"]), _plain(found.get("description", "")))  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        raise HomelabError(f"what answers there is no Minecraft server: {said}", where, "does the server still start? docker logs tells") from error  # fmt: skip


def _packet(payload: bytes) -> bytes:
    return _int(len(payload)) + payload


def _text(text: str) -> bytes:
    return _int(len(text.encode())) + text.encode()


def _int(value: int) -> bytes:
    """A VarInt: seven bits a byte, the lowest first."""
    value &= 0xFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _read_int(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 35, 7):
        (byte,) = _exactly(stream, 1)
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value
    raise ValueError("a number that does not end")


def _exactly(stream: BinaryIO, count: int) -> bytes:
    found = stream.read(count)
    if len(found) != count:
        raise ValueError("it hung up")
    return found


def _plain(description: object) -> str:
    """The motto: plain words, or words with colours, nested."""
    if isinstance(description, dict):
        more = "".join(_plain(part) for part in description.get("extra", ()))
        return f"{description.get('text', '')}{more}"
    if isinstance(description, list):
        return "".join(_plain(part) for part in description)
    return str(description)
