"""A slow wire where the kernel has no netem: passes frames between two interfaces, late or not at all.

Started by slow.py in the lab's network namespace; told `DELAY_MS LOSS_PCT` line by line on its standard
input, whose end is its own; says `ready` once it listens.
"""

from __future__ import annotations

import collections
import os
import random
import select
import socket
import sys
import time

SOL_PACKET, IGNORE_OUTGOING, ETH_P_ALL = 263, 23, 3
LARGEST_FRAME = 1 << 16
QUEUE = 20_000  # frames each way, as netem's limit


class Direction:
    """Frames on their way from one interface to the other, oldest first."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target = source, target
        self.frames: collections.deque[tuple[float, bytes]] = collections.deque()

    def take(self, delay: float, loss: float) -> None:
        """Take what has come in; `delay` in seconds, `loss` from 0 to 1."""
        while True:
            try:
                frame = self.source.recv(LARGEST_FRAME)
            except OSError:  # nothing more, or the interface is down
                return
            if len(self.frames) < QUEUE and random.random() >= loss:
                self.frames.append((time.monotonic() + delay, frame))

    def pass_on(self) -> None:
        """Send what is due."""
        now = time.monotonic()
        while self.frames and self.frames[0][0] <= now:
            _, frame = self.frames.popleft()
            try:
                self.target.send(frame)
            except OSError:  # a cut wire, or no room: frames get lost, as on any wire
                continue


def main(one: str, other: str) -> None:
    """Relay between the interfaces `one` and `other` until standard input ends."""
    a, b = _raw(one), _raw(other)
    ways = {a: Direction(a, b), b: Direction(b, a)}
    print("ready", flush=True)
    delay = loss = 0.0
    while True:
        due = [way.frames[0][0] for way in ways.values() if way.frames]
        pause = max(0.0, min(due) - time.monotonic()) if due else None
        watched: list[int | socket.socket] = [0, a, b]
        readable, _, _ = select.select(watched, [], [], pause)
        if 0 in readable:
            said = os.read(0, 4096).decode().split("\n")
            if said == [""]:
                return
            words = [line for line in said if line][-1].split()
            delay, loss = float(words[0]) / 1000, float(words[1]) / 100
        for sock, way in ways.items():
            if sock in readable:
                way.take(delay, loss)
            way.pass_on()


def _raw(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.setblocking(False)
    sock.bind((interface, ETH_P_ALL))
    return sock


if __name__ == "__main__":
    main(*sys.argv[1:])
