"""A clamp on TCP: whoever connects through the tunnel is told to be sent no more than `mss` bytes at once.

The word about the size stands in the first packet of a connection (SYN), and it binds who *receives* that
packet. So the clamp sits where large answers begin, on what comes in; on what goes out it would ask the
others to be brief. TCP only: nothing else negotiates. It lasts until the next restart.

Source: https://tailscale.com/kb/1214/site-to-site, "Clamp the MSS to the MTU".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine

TUNNEL = "tailscale0"


@dataclass(frozen=True)
class State:
    """What connections by `nic` may send at once (bytes; None: no clamp)."""

    nic: str = field(metadata={"show": False})
    mss: int | None = None


def read(machine: Machine, name: str = TUNNEL) -> State:
    """From ``iptables -S``.

    Raises:
        HomelabError: there is no iptables, or we may not look.
    """
    done = machine.run(["sudo", "iptables", "-w", "-t", "mangle", "-S", "INPUT"])
    if not done:
        raise HomelabError(f"iptables does not say: {done.err.strip()}", machine.name, "sudo apt-get install iptables")  # fmt: skip
    found = re.search(rf"^-A INPUT -i {re.escape(name)} .*--set-mss (\d+)", done.out, re.MULTILINE)
    return State(name, int(found[1]) if found else None)


def _rule(verb: str, state: State) -> str:
    return (
        f"sudo iptables -w -t mangle {verb} INPUT -i {state.nic} -p tcp --tcp-flags SYN,RST SYN "
        f"-j TCPMSS --set-mss {state.mss}"
    )


def command(before: State, after: State) -> list[str]:
    """The rule that goes, then the one that comes."""
    lines = [_rule("-D", before)] if before.mss else []
    lines += [_rule("-A", after)] if after.mss else []
    return ["sh", "-c", " &&\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: iptables refuses.
    """
    machine.run(command(before, after)).ok()
