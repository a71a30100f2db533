"""Does a path carry large packets too? Small ones prove nothing, and ``tailscale ping`` sends small ones.

Two probes. A *search* pings with packets that must not be cut and grows them; it needs nothing at the other
end. A *transfer* has one machine send a lot to another by TCP; it needs both, and is what a person notices.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from homelab.check import Answer, check
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources import nic_mtu
from homelab.vantage import Nobody
from homelab.wait import until

HEADERS = 28  # bytes of IPv4 and ICMP around what ping carries
FLOOR = 68  # the smallest MTU that IPv4 allows
SMALL, LARGE = 200, 200_000  # bytes
SIZES = (SMALL, 2_000, LARGE)
PATIENCE = 1.5  # seconds that a transfer may take: nothing is far away in the lab
HINT = (
    "the network below the tunnel is too narrow, or drops what is cut in pieces: raise its MTU, "
    "lower the tunnel's (TS_DEBUG_MTU), or clamp TCP's segments"
)
# Answers each line "N" with N bytes, until its last caller is gone or the time is over.
SERVER = """
import socket, sys
with socket.create_server(("", int(sys.argv[1]))) as s:
    s.settimeout(float(sys.argv[2]))
    for _ in range(int(sys.argv[3])):
        c, _ = s.accept()
        with c:
            c.settimeout(float(sys.argv[4]))
            try:
                c.sendall(b"x" * int(c.makefile().readline()))
                c.shutdown(socket.SHUT_WR)
                c.recv(1)
            except OSError:
                pass
"""
CLIENT = """
import socket, sys, time
host, port, size, patience = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
begin, got = time.monotonic(), 0
try:
    with socket.create_connection((host, port), patience) as c:
        c.sendall(b"%d\\n" % size)
        while got < size and (left := begin + patience - time.monotonic()) > 0:
            c.settimeout(left)
            data = c.recv(65536)
            if not data: break
            got += len(data)
except TimeoutError:
    pass
print(got, time.monotonic() - begin)
"""
PORT = 8099
SOUGHT = re.compile(r"^\d+ bytes from ", re.MULTILINE)


@dataclass(frozen=True)
class Transfer:
    """Of `size` bytes `got` arrived within `seconds`."""

    size: int
    got: int
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether all of it arrived."""
        return self.got == self.size

    def __str__(self) -> str:
        if self.whole:
            return f"{self.size:,} bytes in {self.seconds:.2g} s"
        return f"{self.size:,} bytes: stalls after {self.got:,}"


def transfer(
    sender: Machine, receiver: Machine, host: str, sizes: Sequence[int] = SIZES, patience: float = PATIENCE
) -> list[Transfer]:
    """Have `sender` answer `receiver` with each of `sizes` bytes by TCP; `host` is where the receiver finds it.

    A small server runs on the sender as long as that takes; nothing of it stays.

    Raises:
        HomelabError: the receiver cannot connect.
    """
    limit = len(sizes) * (patience + 1) + 5
    words = [str(PORT), f"{limit:g}", str(len(sizes)), f"{patience:g}"]
    failed: list[str] = []

    def serve() -> None:
        done = sender.run(["python3", "-c", SERVER, *words], timeout=limit + patience + 5)
        if not done:
            failed.append((done.err.strip().splitlines() or ["no word"])[-1])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        until(
            lambda: bool(failed) or bool(sender.run(["ss", "-Hltn", f"sport = :{PORT}"]).out.strip()),
            bool,
            f"port {PORT} to listen",
            5.0,
            where=sender.name,
            every=0.02,
        )
        found = [_ask(receiver, host, size, patience) for size in sizes if not failed]
    finally:
        thread.join()
    if failed:
        raise HomelabError(f"nothing could be sent: {failed[0]}", sender.name, f"is port {PORT} free there?")
    return found


def _ask(receiver: Machine, host: str, size: int, patience: float) -> Transfer:
    done = receiver.run(["python3", "-c", CLIENT, host, str(PORT), str(size), f"{patience:g}"])
    if not done:
        last = (done.err.strip().splitlines() or ["no word"])[-1]
        raise HomelabError(f"{host}:{PORT} cannot be asked: {last}", receiver.name)
    got, seconds = done.out.split()
    return Transfer(size, int(got), float(seconds))


def search(machine: Machine, host: str, largest: int, seconds: float = 0.4) -> int:
    """The largest IPv4 packet (bytes, at most `largest`) that reaches `host` whole and comes back; 0 if none does.

    By bisection, with pings that must not be cut in pieces (``ping -M do``).

    Raises:
        HomelabError: there is no ping of that kind.
    """

    def passes(size: int) -> bool:
        argv = ["ping", "-n", "-c", "2", "-i", "0.1", "-W", f"{seconds:g}", "-M", "do"]
        done = machine.run([*argv, "-s", str(size - HEADERS), host], timeout=20)
        if not done and not done.out:
            raise HomelabError(f"ping says: {done.err.strip()}", machine.name, "sudo apt-get install iputils-ping")  # fmt: skip
        return bool(SOUGHT.search(done.out))

    if passes(largest):
        return largest
    low, high = FLOOR, largest  # low passes, high does not
    if not passes(low):
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


@check
def carries_full_packets(machine: Machine, host: str, nic: str = "tailscale0") -> Answer:
    """Do packets as large as the tunnel takes them (the MTU of `nic`) get to `host` and back?

    Needs nothing at the other end but that it answers pings.
    """
    wanted = nic_mtu.read(machine, nic).mtu
    found = search(machine, host, wanted)
    name = f"carries full packets to {host}"
    if found == wanted:
        return Answer(name, machine.name, "ok", f"{wanted} bytes pass: all that {nic} takes")
    if not found:
        return Answer(name, machine.name, "fail", "not even a small ping is answered", "is it on?")
    evidence = f"{found} bytes pass and {found + 1} do not, though {nic} takes {wanted}"
    return Answer(name, machine.name, "fail", evidence, HINT)


@check
def large_answers_arrive(
    receiver: Machine, sender: Machine, host: str, seen: Sequence[Transfer] | None = None
) -> Answer:
    """Does `receiver` get answers of every size from `sender`? Asks anew unless some were `seen` already."""
    name = f"large answers from {sender.name} arrive"
    if isinstance(sender, Nobody):
        return Answer(name, receiver.name, "skip", sender.why, sender.hint)
    found = list(seen) if seen is not None else transfer(sender, receiver, host)
    good = bool(found) and all(t.whole for t in found)
    evidence = "; ".join(map(str, found))
    return Answer(name, receiver.name, "ok" if good else "fail", evidence, HINT)


@check
def only_large_answers_stall(receiver: Machine, sender: Machine, seen: Sequence[Transfer]) -> Answer:
    """Is it the black hole: what is small arrives, what is large does not?"""
    small, large = min(seen, key=lambda t: t.size), max(seen, key=lambda t: t.size)
    good = small.whole and not large.whole
    evidence = "; ".join(map(str, seen))
    return Answer(f"only large answers from {sender.name} stall", receiver.name, "ok" if good else "fail", evidence)  # fmt: skip
