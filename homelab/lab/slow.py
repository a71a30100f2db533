"""Delay and loss on a wire: by the kernel's netem where it has one, else by a relay of our own."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import Protocol

from . import kernel, launch, links
from .anchor import Anchor
from .tools import Tools, await_up
from .wire import Refused

SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17


class End(Protocol):
    """What is needed of a wire: its end in the machine, its end on the bridge."""

    machine: str
    nic: str
    port: str
    bridge: str


class Slowness:
    """Lets wires delay and lose, the same each way."""

    def __init__(self, tools: Tools, machines: dict[str, Anchor]) -> None:
        self._tools, self._machines = tools, machines
        self._relays: dict[str, subprocess.Popen[bytes]] = {}
        self._has_netem: bool | None = None

    def set(self, wire: End, delay_ms: float, loss_pct: float) -> None:
        """Let `wire` delay by `delay_ms` each way and lose `loss_pct` per cent of what passes.

        Raises:
            Refused: the kernel does not let us.
        """
        if self._has_netem is None:
            self._has_netem = self._try_netem()
        if self._has_netem:
            self._tools.run(*links.delay(wire.port, delay_ms, loss_pct))
            inside = links.delay(wire.nic, delay_ms, loss_pct)
            self._machines[wire.machine].ask("batch", commands=[[inside, ""]])
        elif delay_ms or loss_pct:
            relay = self._relays.get(wire.port) or self._insert(wire)
            assert relay.stdin
            relay.stdin.write(f"{delay_ms} {loss_pct}\n".encode())
            relay.stdin.flush()
        elif wire.port in self._relays:
            self._remove(wire)

    def _try_netem(self) -> bool:
        try:
            self._tools.run(*links.delay("lo", 1, 0))
            self._tools.run(*links.delay("lo", 0, 0))
        except Refused:
            return False
        return True

    def _insert(self, wire: End) -> subprocess.Popen[bytes]:
        """Put a relay between the wire and its bridge."""
        near, far = f"{wire.port}a", f"{wire.port}b"
        pair = f"link add {near} type veth peer name {far}\nlink set {near} up\nlink set {far} up\n"
        self._tools.run("ip", "-batch", "-", text=pair)
        await_up(self._tools.run, far)
        # What is read from a raw socket has to be whole: no checksum or segment left for hardware to make.
        self._by_hand(far, "/proc/self/ns/net", by_hand=True)
        self._by_hand(wire.nic, f"/proc/{self._machines[wire.machine].pid}/ns/net", by_hand=True)
        command = [*launch.python("homelab.lab.relay"), wire.port, near]
        relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert relay.stdout
        relay.stdout.readline()  # it listens now, so no frame gets lost
        swap = f"link set {wire.port} nomaster\nlink set {far} master {wire.bridge}\n"
        self._tools.run("ip", "-batch", "-", text=swap)
        await_up(self._tools.run, far)
        self._relays[wire.port] = relay
        return relay

    def _remove(self, wire: End) -> None:
        back = f"link set {wire.port}b nomaster\nlink set {wire.port} master {wire.bridge}\n"
        self._tools.run("ip", "-batch", "-", text=back)
        relay = self._relays.pop(wire.port)
        relay.communicate()
        self._tools.run("ip", "link", "del", f"{wire.port}a")
        self._by_hand(wire.nic, f"/proc/{self._machines[wire.machine].pid}/ns/net", by_hand=False)

    def _by_hand(self, nic: str, namespace: str, *, by_hand: bool) -> None:
        """Let the kernel, not the interface, make checksums and segments in the network of `namespace`."""
        problem: list[OSError] = []

        def there() -> None:  # a namespace is entered by a thread, which is not used again
            try:
                if not Path(namespace).samefile("/proc/thread-self/ns/net"):
                    kernel.enter(namespace, kernel.NEWNET)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    value = bytearray(struct.pack("=II", ETHTOOL_STXCSUM, 0 if by_hand else 1))
                    _ethtool(sock, nic, value)
            except OSError as error:
                problem.append(error)

        thread = threading.Thread(target=there)
        thread.start()
        thread.join()
        if problem:
            raise problem[0]


def _ethtool(sock: socket.socket, nic: str, value: bytearray) -> None:
    """An ethtool request is a pointer in an interface request."""
    place = ctypes.addressof(ctypes.c_char.from_buffer(value))
    fcntl.ioctl(sock, SIOCETHTOOL, struct.pack("=16sQ16x", nic.encode(), place))
