"""Windows' port proxy: it accepts on one address and connects to another, from the machine itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..anchor import Anchor
from ..wire import Refused


@dataclass(frozen=True)
class Entry:
    """Where it listens and where it connects to."""

    listen_address: str
    listen_port: int
    connect_address: str
    connect_port: int

    @property
    def name(self) -> str:
        """What it is known by."""
        return f"{self.listen_address}:{self.listen_port}"


class PortProxy:
    """All entries; each that can forwards."""

    def __init__(self, machine: Anchor, note: Callable[[str], None]) -> None:
        self._machine, self._note = machine, note
        self._entries: dict[str, Entry] = {}

    @property
    def entries(self) -> list[Entry]:
        """As they are shown."""
        return list(self._entries.values())

    def add(self, entry: Entry) -> None:
        """Forward; in place of another with the same listening side.

        Where it cannot listen nobody is told, for the real one's program only writes the entry down.
        """
        self._entries[entry.name] = entry
        listen = ("" if entry.listen_address == "*" else entry.listen_address, entry.listen_port)
        connect = (entry.connect_address, entry.connect_port)
        try:
            self._machine.ask("forward", name=entry.name, listen=listen, connect=connect)
        except Refused as error:
            self._note(f"{self._machine.name}: the port proxy does not listen on {entry.name}: {error.what}")

    def delete(self, name: str) -> bool:
        """Forward no more; whether there was such an entry."""
        if self._entries.pop(name, None) is None:
            return False
        self._machine.ask("forward", name=name)
        return True
