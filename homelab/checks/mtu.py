"""Does a path carry large packets too? Small ones prove nothing, and ``tailscale ping`` sends small ones.

Two probes. A *search* pings with packets that must not be cut and grows them; it needs nothing at the other
end. A *transfer* has one machine send a lot to another by TCP; it needs both, and is what a person notices.
"""

from __future__ import annotations

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
PATIENCE = 5.0  # seconds that a transfer may take
OVERHEAD = 60  # bytes that WireGuard (32), UDP (8) and IPv4 (20) put around a packet of the tunnel
HINT = (
    "the network below the tunnel is too narrow, or drops what is cut in pieces: raise its MTU, "
    "lower the tunnel's (TS_DEBUG_MTU), or clamp TCP's segments"
)
# Answers each line "N" with N bytes, for as many callers as are told, or until none has come for a while.
SERVER = """
import socket, sys
callers, patience = int(sys.argv[2]), float(sys.argv[3])
with socket.create_server(("", int(sys.argv[1]))) as s:
    s.settimeout(patience + 2)
    for _ in range(callers):
        try:
            c, _ = s.accept()
        except TimeoutError:
            break
        with c:
            c.settimeout(patience)
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
AT_ONCE = 36  # sizes
TRIES = """\
command -v ping >/dev/null || exit 127
wait=$1 host=$2; shift 2
for n in "$@"; do
  { ping -n -c 2 -i 0.1 -W "$wait" -M do -s "$n" "$host" 2>/dev/null | grep -q 'bytes from' && echo "$n"; } &
done
wait
"""


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
    words = [str(PORT), str(len(sizes)), f"{patience:g}"]
    failed: list[str] = []

    def serve() -> None:
        done = sender.run(["python3", "-c", SERVER, *words], timeout=len(sizes) * 2 * (patience + 2) + 5)
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


def search(machine: Machine, host: str, largest: int, seconds: float = 0.6) -> int:
    """The largest IPv4 packet (bytes, at most `largest`) that reaches `host` whole and comes back; 0 if none does.

    Many sizes are tried at once, each for `seconds`, with pings that must not be cut in pieces (``ping -M do``).

    Raises:
        CommandFailed: there is no ping of that kind.
    """
    low, high = 0, largest + 1  # low passes (or nothing does), high does not
    sizes = [FLOOR, largest]
    while sizes:
        passed = _pass(machine, host, sizes, seconds)
        if not passed and not low:
            return 0
        low = max([low, *passed])
        high = min(s for s in [high, *sizes] if s > low)
        step = max(1, (high - low) // (AT_ONCE + 1))
        sizes = list(range(low + step, high, step))[:AT_ONCE]
    return low


def _pass(machine: Machine, host: str, sizes: Sequence[int], seconds: float) -> list[int]:
    payloads = [str(size - HEADERS) for size in sizes]
    done = machine.run(["sh", "-c", TRIES, "search", f"{seconds:g}", host, *payloads], timeout=30).ok()
    return [int(line) + HEADERS for line in done.out.split()]


@check
def leaves_room_for_the_tunnel(machine: Machine, nic: str = "tailscale0") -> Answer:
    """Does the network device that leads out take what the tunnel makes of its largest packet? Sends nothing."""
    try:
        out = nic_mtu.way_out(machine)
        below, tunnel = nic_mtu.read(machine, out).mtu, nic_mtu.read(machine, nic).mtu
    except HomelabError as error:
        return Answer("leaves room for the tunnel", machine.name, "skip", error.what, "does tailscaled run?")
    good = below >= tunnel + OVERHEAD
    evidence = f"{out} takes {below} bytes; a packet of {tunnel} in the tunnel makes {tunnel + OVERHEAD}"
    return Answer(f"{out} leaves room for the tunnel", machine.name, "ok" if good else "warn", evidence, HINT)


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
