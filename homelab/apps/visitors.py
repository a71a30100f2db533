"""Visitors of a web page, many at once: ``python3 - URL VISITORS SECONDS WORDS``, the standard library only.

It is sent to a machine and run there. Every visit is a new one, with a handshake of its own, as from
different people. Prints one line of JSON: visits, what failed, and how long they took (ms).
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

PATIENCE = 20.0  # seconds


def visit(host: str, port: int, path: str, words: bytes, trusted: ssl.SSLContext) -> str:
    """One visit; what went wrong, or nothing."""
    try:
        with (
            socket.create_connection((host, port), PATIENCE) as raw,
            trusted.wrap_socket(_eager(raw), server_hostname=host) as line,
        ):
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
    except OSError as error:
        return repr(error)
    head = answer.partition(b"\r\n")[0].decode(errors="replace")
    if " 200 " not in f"{head} ":
        return head or "nothing was answered"
    return "" if words in answer else "another page came"


def _eager(raw: socket.socket) -> socket.socket:
    """As browsers do: no waiting for more to send; it would cost a visit 40 ms."""
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def main(url: str, visitors: int, seconds: float, words: str) -> None:
    """Let `visitors` come again and again for `seconds`."""
    where = urlsplit(url)
    host, port, path = where.hostname or "", where.port or 443, where.path or "/"
    trusted, took, failed = ssl.create_default_context(), list[float](), list[str]()
    end = time.monotonic() + seconds

    def come() -> None:
        while (start := time.monotonic()) < end:
            wrong = visit(host, port, path, words.encode(), trusted)
            took.append((time.monotonic() - start) * 1000)
            if wrong:
                failed.append(wrong)
                time.sleep(0.05)  # who is turned away does not hammer at the door

    people = [threading.Thread(target=come) for _ in range(visitors)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    took.sort()
    told = {"visits": len(took), "failed": len(failed), "why": sorted(set(failed))[:3]}
    told |= {"p50": took[len(took) // 2], "p95": took[len(took) * 95 // 100], "max": took[-1]}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
