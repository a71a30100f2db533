"""Whether a Linux machine forwards packets that are not for itself, now and after the next boot.

An exit node and a subnet router must. The two switches, and the file that keeps them, are the ones
that Tailscale's documentation names.

Source: https://tailscale.com/kb/1103/exit-nodes, "Enable IP forwarding".
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine

FILE = "/etc/sysctl.d/99-tailscale.conf"
IPV4, IPV6 = "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"


@dataclass(frozen=True)
class State:
    """What is forwarded now, and the `kept` lines of the file (None: there is no file).

    `has_ipv6` is False on a kernel without IPv6, which then has nothing to forward.
    """

    ipv4: bool = False
    ipv6: bool = False
    kept: tuple[str, ...] | None = None
    has_ipv6: bool = field(default=True, compare=False, metadata={"show": False})


def read(machine: Machine, name: str = "") -> State:
    """From ``sysctl -n`` and the file.

    Raises:
        HomelabError: it is no Linux machine, or has no sysctl.
    """
    now = [machine.run(["sysctl", "-n", key]) for key in (IPV4, IPV6)]
    if not now[0]:
        raise HomelabError(f"sysctl does not say: {now[0].err.strip()}", machine.name, "is it Linux?")
    text = machine.read_text(FILE)
    kept = None if text is None else tuple(text.splitlines())
    return State(now[0].out.strip() == "1", now[1].out.strip() == "1", kept, bool(now[1]))


def on(now: State) -> State:
    """`now` with everything forwarded that can be, and kept so; other lines of the file stay."""
    kept = list(now.kept or ())
    for key in (IPV4, IPV6) if now.has_ipv6 else (IPV4,):
        lines = [line for line in kept if line.partition("=")[0].strip() == key]
        if not lines or lines[-1].partition("=")[2].strip() != "1":  # the last one counts
            kept = [line for line in kept if line not in lines] + [f"{key} = 1"]
    return State(True, now.has_ipv6, tuple(kept), now.has_ipv6)


def command(before: State, after: State) -> list[str]:
    """Write the file and load it; what is no longer in it is switched by hand."""
    steps = []
    if after.kept != before.kept:
        if after.kept is None:
            steps.append(f"sudo rm -f {FILE}")
        else:
            text = " ".join(shlex.quote(line) for line in after.kept)
            steps.append(f"printf '%s\\n' {text} | sudo tee {FILE} >/dev/null")
    if after.kept and (after.ipv4 > before.ipv4 or after.ipv6 > before.ipv6):
        steps.append(f"sudo sysctl -p {FILE}")
    else:
        for key, old, new in ((IPV4, before.ipv4, after.ipv4), (IPV6, before.ipv6, after.ipv6)):
            if new != old:
                steps.append(f"sudo sysctl -w {key}={int(new)}")
    return ["sh", "-c", " &&\n".join(steps)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: it is not allowed, as in a container.
    """
    machine.run(command(before, after)).ok()
