"""DNS for a machine's containers: every question goes to whoever the machine itself asks at that moment.

The engine copies resolv.conf when a container starts, which then never learns of a tailnet that its
machine joins later. At home the advice is to restart the container; the lab is more helpful here.
"""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

PORT, PATIENCE = 53, 5.0
LARGEST = 65_535


def serve(address: str) -> None:
    """Answer questions on `address`, by UDP and TCP, in threads of this process."""
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.bind((address, PORT))
    listener = socket.create_server((address, PORT))
    threading.Thread(target=_datagrams, args=(asked,), daemon=True).start()
    threading.Thread(target=_connections, args=(listener,), daemon=True).start()


def _datagrams(asked: socket.socket) -> None:
    while True:
        question, client = asked.recvfrom(LARGEST)
        threading.Thread(target=_answer, args=(asked, question, client), daemon=True).start()


def _answer(asked: socket.socket, question: bytes, client: tuple[str, int]) -> None:
    for server in _servers():
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.settimeout(PATIENCE / 2)
                out.connect((server, PORT))
                out.send(question)
                asked.sendto(out.recv(LARGEST), client)
                return
        except OSError:  # that one does not answer; the next may
            continue


def _connections(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_relay, args=(connection,), daemon=True).start()


def _relay(connection: socket.socket) -> None:
    """One question by TCP, which is what clients do when an answer does not fit a datagram."""
    with connection:
        connection.settimeout(PATIENCE)
        try:
            question = _message(connection)
        except OSError:
            return
        for server in _servers():
            try:
                with socket.create_connection((server, PORT), PATIENCE) as out:
                    out.sendall(question)
                    connection.sendall(_message(out))
                return
            except OSError:
                continue


def _message(stream: socket.socket) -> bytes:
    """A DNS message with the two bytes of its length."""
    raw = b""
    while len(raw) < 2 or len(raw) < 2 + struct.unpack("!H", raw[:2])[0]:
        data = stream.recv(LARGEST)
        if not data:
            raise OSError("the other side hung up")
        raw += data
    return raw


def _servers() -> list[str]:
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    found = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    return [server for server in found if ":" not in server]
