"""Forwarding of TCP from an address of a machine to another, in threads of the machine's first process."""

from __future__ import annotations

import contextlib
import socket
import threading

PATIENCE = 5.0  # seconds that the other side may take to answer
CHUNK = 1 << 16
Address = tuple[str, int]


class Forward:
    """Listens on `listen` and copies what comes to `connect` and back, until it is ended.

    Raises:
        OSError: the address is taken, or is none of this machine's.
    """

    def __init__(self, listen: Address, connect: Address) -> None:
        self._connect = connect
        self._listener = socket.create_server(listen)
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def end(self) -> None:
        """Listen no more, and hang up on everybody."""
        for sock in (self._listener, *list(self._open)):
            _hang_up(sock)

    def _accept(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(self._connect, PATIENCE)
            except OSError:
                return  # whoever connected sees the connection end, as with the real one
            with server:
                server.settimeout(None)
                self._open |= {client, server}
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()
                self._open -= {client, server}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
