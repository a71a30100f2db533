"""A meter on a router of the lab: what it passes on to the internet, by what the router's owner can tell of it.

It looks at ports, never inside. tailscaled's own line to the control plane, which it keeps open on
port 80, is an old connection; so of all that is neither tunnel, TLS nor DNS, beginnings are counted.
Only the lab's routers can be metered; at home look at your router's own statistics.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.machine import Machine

KINDS = ("tunnel", "tls", "names", "clear")
CHAIN = "METER"
JUMP = re.compile(rf"-A FORWARD -o (?P<out>\S+) -j {CHAIN}\b")
PORT = re.compile(r"-p udp .*--sport (?P<port>\d+)")
LINE = re.compile(r"^\s*(?P<packets>\d+)\s.*/\* (?P<kind>\w+) \*/", re.MULTILINE)


@dataclass(frozen=True)
class State:
    """What leaves by the interface `out` is counted; nothing where it is empty.

    `port` is the UDP port of the tailscaled behind the router, by which the tunnel is told from other UDP.
    """

    out: str = ""
    port: int = 0


@dataclass(frozen=True)
class Counts:
    """Packets in the `tunnel`, of `tls` (port 443), with questions for `names`; and what began in the `clear`."""

    tunnel: int = 0
    tls: int = 0
    names: int = 0
    clear: int = 0

    def __sub__(self, earlier: Counts) -> Counts:
        return Counts(*(getattr(self, k) - getattr(earlier, k) for k in KINDS))

    def __str__(self) -> str:
        return (
            f"{self.tunnel} in the tunnel, {self.tls} TLS, {self.names} for names, {self.clear} in the clear"
        )


def read(machine: Machine, name: str = "") -> State:
    """From the router's own rules."""
    rules = _lab(machine).run(["sudo", "iptables", "-w", "-S"]).ok().out
    jump, port = JUMP.search(rules), PORT.search(rules)
    return State(jump["out"], int(port["port"]) if port else 0) if jump else State()


def counts(machine: Machine) -> Counts:
    """What has passed since the meter was put up.

    Raises:
        HomelabError: there is no meter.
    """
    shown = _lab(machine).run(["sudo", "iptables", "-w", "-nvxL", CHAIN])
    if not shown:
        raise HomelabError("no meter runs on this router", machine.name, "apply the plan of the meter first")
    found = dict.fromkeys(KINDS, 0)
    for line in LINE.finditer(shown.out):
        found[line["kind"]] += int(line["packets"])
    return Counts(**found)


def command(before: State, after: State) -> list[str]:
    """A chain of rules that only count; taken away again, last first."""
    table = "sudo iptables -w"
    steps = []
    if before.out:
        steps += [f"-D FORWARD -o {before.out} -j {CHAIN}", f"-F {CHAIN}", f"-X {CHAIN}"]
    if after.out:
        steps.append(f"-N {CHAIN}")
        for kind, match in (
            ("tunnel", f"-p udp --sport {after.port} "),
            ("tls", "-p tcp --dport 443 "),
            ("names", "-p udp --dport 53 "),
            ("names", "-p tcp --dport 53 "),
            ("clear", "-m conntrack --ctstate NEW "),
        ):
            steps.append(f"-A {CHAIN} {match}-m comment --comment {kind} -j RETURN")
        steps.append(f"-I FORWARD -o {after.out} -j {CHAIN}")
    return ["sh", "-c", " &&\n".join(f"{table} {step}" for step in steps)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: the router has no iptables.
    """
    _lab(machine).run(command(before, after)).ok()


def _lab(machine: Machine) -> LabMachine:
    if not isinstance(machine, LabMachine):
        raise HomelabError("only the lab's routers can be metered", machine.name)
    return machine
