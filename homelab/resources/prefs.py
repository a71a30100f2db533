"""What a node was told to do: its switches, which ``tailscale set`` turns one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

from homelab.machine import Machine
from homelab.resources import tailscale_status
from homelab.wait import until

EVERYWHERE = ("0.0.0.0/0", "::/0")
NO_SSH_YET = "not enabled on Tailnet"  # said until the policy's ssh section has come to the node
NEWS = 5.0  # seconds that this may take


@dataclass(frozen=True)
class State:
    """The switches, by the names of ``tailscale set``; `exit_node` is a node's name, empty for none.

    The name is short for a node of this tailnet, whole for one from elsewhere.
    """

    accept_dns: bool = True
    accept_routes: bool = False
    advertise_exit_node: bool = False
    advertise_routes: tuple[str, ...] = ()
    exit_node: str = ""
    exit_node_allow_lan_access: bool = False
    shields_up: bool = False
    snat_subnet_routes: bool = True
    ssh: bool = False


def read(machine: Machine, name: str = "") -> State:
    """From ``tailscale debug prefs``; the exit node's name from ``tailscale status``."""
    told = tailscale_status.prefs(machine)
    routes = tuple(told.get("AdvertiseRoutes") or ())
    return State(
        accept_dns=bool(told.get("CorpDNS", True)),
        accept_routes=bool(told.get("RouteAll", False)),
        advertise_exit_node=all(r in routes for r in EVERYWHERE),
        advertise_routes=ordered(r for r in routes if r not in EVERYWHERE),
        exit_node=_exit_node(machine, str(told.get("ExitNodeID") or "")),
        exit_node_allow_lan_access=bool(told.get("ExitNodeAllowLANAccess", False)),
        shields_up=bool(told.get("ShieldsUp", False)),
        snat_subnet_routes=not told.get("NoSNAT", False),
        ssh=bool(told.get("RunSSH", False)),
    )


def ordered(routes: Iterable[str]) -> tuple[str, ...]:
    """`routes` (CIDRs), each once and in one order: tailscaled has its own, whatever it was told."""
    networks = sorted({ip_network(r) for r in routes}, key=lambda n: (n.version, n.network_address.packed, n.prefixlen))  # fmt: skip
    return tuple(map(str, networks))


def _exit_node(machine: Machine, stable_id: str) -> str:
    if not stable_id:
        return ""
    seen = tailscale_status.status(machine)
    names = (
        tailscale_status.own_name(seen, p) for p in tailscale_status.peers(seen) if p.get("ID") == stable_id
    )
    return next(names, stable_id)


def command(before: State, after: State) -> list[str]:
    """``tailscale set`` with the switches that differ."""
    argv = ["sudo", "tailscale", "set"]
    for f in dataclasses.fields(State):
        old, new = getattr(before, f.name), getattr(after, f.name)
        if old != new:
            flag = f"--{f.name.replace('_', '-')}"
            if new is True:
                argv.append(flag)
            elif isinstance(new, bool):
                argv.append(f"{flag}=false")
            else:
                argv.append(f"{flag}={','.join(new) if isinstance(new, tuple) else new}")
    return argv


def do(machine: Machine, before: State, after: State) -> None:
    """Run it; the SSH server is switched on once the node knows that the policy has it.

    Raises:
        CommandFailed: tailscale refuses.
        WaitTimeout: the policy has no rule about SSH to this node.
    """
    done = until(
        lambda: machine.run(command(before, after)),
        lambda done: NO_SSH_YET not in done.err,
        "the tailnet to allow Tailscale SSH",
        NEWS,
        hint="the policy's ssh section comes first",
        where=machine.name,
    )
    done.ok()
