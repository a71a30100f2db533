"""A notebook's kernel tells its runner which values are secret, before it can print them, and never by a file.

Without this a kernel that dies in the very cell that has revealed a secret would leave it in its output.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ADDRESS = "HOMELAB_SECRETS"  # the path of the runner's socket, in the kernel's environment
PATIENCE = 2.0  # seconds for the runner to hear
LARGEST = 1 << 16


def tell(value: str) -> None:
    """Tell the runner, if there is one, and wait until it has heard."""
    path = os.environ.get(ADDRESS)
    if not path:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as wire:
        wire.settimeout(PATIENCE)
        wire.connect(path)
        wire.send(value.encode()[:LARGEST])
        wire.recv(1)


class Ear:
    """The runner's side: `heard` is called with each value, in a thread of its own."""

    def __init__(self, path: Path, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(str(path))
        self._socket.listen()
        threading.Thread(target=self._listen, daemon=True, name="secrets").start()

    def _listen(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                wire, _ = self._socket.accept()
                with wire, suppress(OSError):
                    wire.settimeout(PATIENCE)
                    self._heard(wire.recv(LARGEST).decode("utf-8", "replace"))
                    wire.send(b"\0")

    def close(self) -> None:
        """Hear no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
