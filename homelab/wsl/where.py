"""Where we run: WSL 1, WSL 2, or neither; and how WSL is connected. Several signals, none trusted alone.

A kernel of one's own says nothing of WSL; a container inside WSL has the kernel's word and nothing else;
variables come along by SSH or are lost by sudo. So two signs of different origin must agree.

Sources: https://github.com/microsoft/WSL/issues/4555 (the kernel's word and WSL_INTEROP),
https://github.com/microsoft/WSL/blob/master/src/linux/init/util.cpp (WSL's own test: a capital M is WSL 1),
https://github.com/microsoft/WSL/blob/master/src/linux/init/wslinfo.cpp (the words of wslinfo),
https://github.com/microsoft/WSL/issues/10717 (loopback0 is there with virtioproxy too).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from homelab.machine import Machine
from homelab.wsl.interop import Unknown

WSL1, WSL2, ELSEWHERE = "WSL 1", "WSL 2", "not WSL"
NAT, MIRRORED, VIRTIOPROXY = "nat", "mirrored", "virtioproxy"
MODES = (NAT, MIRRORED, VIRTIOPROXY, "bridged", "none")
PRIVATE = ipaddress.ip_network("172.16.0.0/12")  # where WSL's NAT network lies unless told otherwise
LOOK = r"""
echo "kernel=$(uname -r)"
echo "version=$(cat /proc/version 2>/dev/null)"
echo "interop=$WSL_INTEROP"
echo "distribution=$WSL_DISTRO_NAME"
echo "binfmt=$(cd /proc/sys/fs/binfmt_misc 2>/dev/null && ls -d WSLInterop* 2>/dev/null | tr '\n' ' ')"
echo "sockets=$(ls /run/WSL 2>/dev/null | tr '\n' ' ')"
echo "wslinfo=$(wslinfo --networking-mode 2>/dev/null | head -n 1)"
echo "init=$(cat /proc/1/comm 2>/dev/null)"
echo "systemd=$([ -d /run/systemd/system ] && echo yes)"
ip -o -4 address show 2>/dev/null | while read -r _ name _ address _; do echo "address=$name $address"; done
echo "route=$(ip -4 route show default 2>/dev/null | head -n 1)"
"""


@dataclass(frozen=True)
class Signals:
    """What a machine shows of itself; empty where it does not."""

    kernel: str = ""
    version: str = ""
    interop: str = ""
    distribution: str = ""
    binfmt: str = ""
    sockets: str = ""
    wslinfo: str = ""
    init: str = ""
    systemd: bool = False
    addresses: tuple[tuple[str, str], ...] = ()
    route: str = ""

    @property
    def address(self) -> str:
        """The IPv4 address of the interface that leads out, as Windows reaches it; empty where there is none."""
        words = self.route.split()
        device = words[words.index("dev") + 1] if "dev" in words[:-1] else "eth0"
        found = [a.split("/")[0] for name, a in self.addresses if name == device]
        return found[0] if found else ""

    @property
    def gateway(self) -> str:
        """The next hop on the way out: in WSL's NAT network that is Windows."""
        words = self.route.split()
        return words[words.index("via") + 1] if "via" in words[:-1] else ""


def look(machine: Machine) -> Signals:
    """By one command that only reads.

    Raises:
        CommandFailed: there is no shell.
    """
    return parse(machine.run(["sh", "-c", LOOK]).ok().out)


def parse(text: str) -> Signals:
    """The signals in what `LOOK` printed."""
    found: dict[str, str] = {}
    addresses: list[tuple[str, str]] = []
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "address":
            interface, _, address = value.partition(" ")
            addresses.append((interface, address))
        else:
            found.setdefault(name, value.strip())
    systemd = found.pop("systemd", "") == "yes" or found.get("init") == "systemd"
    known = {k: v for k, v in found.items() if k in Signals.__dataclass_fields__}
    return Signals(**known, systemd=systemd, addresses=tuple(addresses))


@dataclass(frozen=True)
class Verdict:
    """`kind` is WSL 1, WSL 2 or not WSL; `signs` spoke for it, `doubts` against."""

    kind: str
    signs: tuple[str, ...]
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"{self.kind}: {'; '.join(self.signs) or 'no sign of it'}"
        return f"{said} (but {'; '.join(self.doubts)})" if self.doubts else said


def judge(signals: Signals) -> Verdict:
    """Which it is. Two signs of different origin make WSL: the kernel, WSL's environment, its files, its own tool."""
    kernel = f"{signals.kernel} {signals.version}"
    signs: list[str] = []
    if "microsoft" in kernel.lower():
        signs.append(f"the kernel is {signals.kernel}")
    if signals.distribution or signals.interop:
        signs.append(
            f"WSL_DISTRO_NAME is {signals.distribution}" if signals.distribution else "WSL_INTEROP is set"
        )
    if signals.binfmt or signals.sockets:
        signs.append(f"{signals.binfmt.strip() or '/run/WSL'} is there")
    if signals.wslinfo:
        signs.append(f"wslinfo says {signals.wslinfo}")
    if len(signs) < 2:
        alone = (f"{signs[0]}, and nothing else speaks for WSL: a container in it?",) if signs else ()
        return Verdict(ELSEWHERE, (f"the kernel is {signals.kernel}",), alone)
    first = signals.wslinfo == "wsl1" or ("Microsoft" in signals.kernel and "WSL2" not in signals.kernel)
    doubts = []
    if "microsoft" not in kernel.lower():
        doubts.append("the kernel does not say so: one of your own?")
    if first and signals.wslinfo not in ("", "wsl1"):
        doubts.append(f"wslinfo says {signals.wslinfo}, which only WSL 2 does")
        first = False
    return Verdict(WSL1 if first else WSL2, tuple(signs), tuple(doubts))


@dataclass(frozen=True)
class Networking:
    """How WSL is connected: `mode` is nat, mirrored, virtioproxy, …; `wanted` is what .wslconfig asks for."""

    mode: str
    because: str
    wanted: str = ""

    @property
    def fell_back(self) -> bool:
        """Whether .wslconfig asks for another mode than the one that is: refused, or WSL has not restarted since."""
        return bool(self.wanted) and self.wanted != self.mode

    def __str__(self) -> str:
        said = f"{self.mode} ({self.because})"
        return f"{said}, though .wslconfig asks for {self.wanted}" if self.fell_back else said


def networking(signals: Signals, wanted: str = "", windows: tuple[str, ...] = ()) -> Networking | Unknown:
    """The mode: by wslinfo; else by the addresses, `windows` being those that Windows has."""
    wanted = wanted.lower()
    if signals.wslinfo in MODES:
        return Networking(signals.wslinfo, "wslinfo says so", wanted)
    mine = signals.address
    if mine and mine in windows:
        return Networking(
            MIRRORED if wanted != VIRTIOPROXY else wanted, f"{mine} is Windows' own address too", wanted
        )
    if mine and ipaddress.ip_address(mine) in PRIVATE and not _has(signals, "loopback0"):
        return Networking(NAT, f"{mine} lies in a network of WSL's own", wanted)
    if wanted and _has(signals, "loopback0"):
        return Networking(wanted, "loopback0 is there, and .wslconfig asks for it", wanted)
    return Unknown(f"this WSL has no wslinfo, and {mine or 'no address'} tells nothing", "wsl --update")


def _has(signals: Signals, interface: str) -> bool:
    return any(name == interface for name, _ in signals.addresses)
