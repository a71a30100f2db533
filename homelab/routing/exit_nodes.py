"""The exit nodes that a machine may choose from: the list, the suggested one, and why another cannot be chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homelab.errors import CommandFailed, HomelabError, nearest
from homelab.machine import Machine
from homelab.resources import tailscale_status as ts
from homelab.resources.prefs import EVERYWHERE

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

NONE_FOUND = "no exit nodes found"
SUGGESTED = re.compile(r"^Suggested exit node: (?P<name>\S+?)\.?\s*$", re.MULTILINE)
COLUMNS = ("IP", "HOSTNAME", "COUNTRY", "CITY", "STATUS")
HOW_TO_APPROVE = "approve it: machines page, … → Edit route settings → Use as exit node"


@dataclass(frozen=True)
class ExitNode:
    """A line of the list: `name` as commands know it, `where` it stands if it says so, and its `status`."""

    address: str
    name: str
    country: str = ""
    city: str = ""
    status: str = ""


def parse(text: str) -> list[ExitNode]:
    """The nodes in what ``tailscale exit-node list`` printed: columns begin where their heads do."""
    lines = text.splitlines()
    at = next((n for n, line in enumerate(lines) if all(c in line for c in COLUMNS)), None)
    if at is None:
        return []
    starts = [lines[at].index(c) for c in COLUMNS]
    found = []
    for line in lines[at + 1 :]:
        if not line.strip():
            break
        ends = [*starts[1:], len(line)]
        cells = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        found.append(ExitNode(cells[0], *("" if c == "-" else c for c in cells[1:])))
    return found


def offered(machine: Machine) -> list[ExitNode]:
    """What `machine` may choose from, by ``tailscale exit-node list``; the names as they are printed, in full.

    Raises:
        CommandFailed: tailscale says something else than a list, or that there is none.
    """
    done = machine.run(["tailscale", "exit-node", "list"], timeout=15)
    if not done and NONE_FOUND not in done.err + done.out:
        raise CommandFailed(done.argv, done.rc, done.out, done.err, machine.name)
    return parse(done.out)


def suggested(machine: Machine) -> str:
    """The full name of the exit node that the client itself proposes; empty where it has no proposal.

    Raises:
        CommandFailed: tailscale does not answer.
    """
    done = machine.run(["tailscale", "exit-node", "suggest"], timeout=15).ok()
    found = SUGGESTED.search(done.out)
    return found["name"] if found else ""


def chosen(machine: Machine, name: str, tailnet: Tailnet | None = None) -> str:
    """The exit node `name` as ``tailscale set`` takes it, where `machine` can choose it now; else one clear error.

    Tailscale itself says *is not advertising an exit node* of one that nobody approved. With the
    admin's view (`tailnet`) we can tell the two apart.

    Raises:
        HomelabError: no such node, the machine itself, not offered, not approved, or offline.
    """
    seen = ts.status(machine)
    nodes = {ts.own_name(seen, peer): peer for peer in ts.peers(seen)}
    if name in _names(seen, seen.get("Self") or {}):
        raise HomelabError(f"{name} cannot be its own way out", machine.name, "choose another machine")
    short = next((n for n, peer in nodes.items() if name in _names(seen, peer)), "")
    short = short or next(
        (n for n in nodes if n.split(".")[0] == name), ""
    )  # of elsewhere, by its first label
    if not short:
        raise HomelabError(f"the tailnet has no node called {name!r}", machine.name, nearest(name, nodes))
    if not nodes[short].get("ExitNodeOption"):
        raise HomelabError(*_not_offered(machine, name, short, tailnet))
    if not nodes[short].get("Online"):
        raise HomelabError(
            f"the exit node {name} is offline", machine.name, "is it switched on, and connected?"
        )
    return short


def _names(seen: dict[str, Any], node: dict[str, Any]) -> set[str]:
    """Every way to name a node: short, in full, by its addresses."""
    full = str(node.get("DNSName", "")).rstrip(".")
    return {ts.own_name(seen, node), full, *map(str, node.get("TailscaleIPs") or ())} - {""}


def _not_offered(machine: Machine, name: str, short: str, tailnet: Tailnet | None) -> tuple[str, str, str]:
    offer = f"on {short}: sudo tailscale set --advertise-exit-node"
    if tailnet is None:
        return (
            f"{name} is no exit node, or none that was approved",
            machine.name,
            f"{offer}; {HOW_TO_APPROVE}",
        )
    from homelab.resources import approval  # the admin API's libraries, only where there is a key

    if set(EVERYWHERE) <= set(approval.read(tailnet, short).offered):
        return f"{name} offers itself as an exit node, and nobody approved it", machine.name, HOW_TO_APPROVE
    return f"{name} does not offer itself as an exit node", machine.name, offer
