"""Tries each thing that a lab needs, in throwaway namespaces; prints what failed, as JSON.

Started by preflight.py inside the namespaces that the lab itself would get.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import anchor, hostview, kernel, links, root
from .tools import Tools
from .wire import Refused

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
ROUTER = {"nat": "symmetric", "upstream": "va"}


def main(packages: str, rootless: bool) -> None:
    """Try everything; `packages` is empty while nothing is unpacked yet."""
    failed: dict[str, str] = {}

    def attempt(name: str, do: Callable[[], object]) -> bool:
        try:
            do()
        except (OSError, Refused) as error:
            failed[name] = str(error)
        return name not in failed

    kernel.make_private()
    tools = Tools(Path(packages or "/nowhere"))
    with tempfile.TemporaryDirectory() as place:
        if attempt("tmpfs", lambda: kernel.mount("tmpfs", place, "tmpfs")):
            attempt("tun", _tun)
            attempt("forwarding", lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))
            if rootless:
                attempt("setgroups", _setgroups)
            if packages:
                attempt(
                    "veth", lambda: tools.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
                )
                attempt("bridge", lambda: tools.run("ip", "link", "add", "br0", "type", "bridge"))
                attempt("netem", lambda: tools.run("tc", *links.delay("lo", 1, 0)[1:]))
            attempt("overlay", lambda: _machine(Path(place), Path(packages or "/nowhere"), rootless))
            kernel.detach(place)
    print(json.dumps(failed))


def _tun() -> None:
    handle = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", b"trial0", IFF_TUN | IFF_NO_PI))
    finally:
        os.close(handle)


def _setgroups() -> None:
    if "allow" not in Path("/proc/self/setgroups").read_text():
        raise OSError(1, "setgroups is denied in the user namespace")


def _machine(place: Path, packages: Path, rootless: bool) -> None:
    """A whole machine, for a moment: its root, and a router's rules in it."""
    parts = hostview.parts(rootless=rootless)
    for part in parts:
        (place / "base" / part.name).mkdir(parents=True)
    hostview.fill(place / "base", packages, parts)
    layers = root.Layers(place / "base", packages, None, tuple(parts))
    machine = anchor.raise_up(anchor.Plan("trial", "trial", "", str(place / "machine"), layers, [], rootless))
    machine.expect(b"namespaces")
    machine.expect(b"root")
    if packages.is_dir():
        try:
            machine.ask("batch", commands=[[["iptables-restore"], links.firewall(ROUTER)]])
        except Refused as error:
            raise Refused(f"iptables: {error}") from error
    machine.channel.close()
    os.waitpid(machine.pid, 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "rootless")
