"""Faults of a node and of its way to the others: its login, its names, its packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.checks import mtu, node, path
from homelab.faults.fault import MEND, Fault, turned
from homelab.plan import Plan, change
from homelab.plan import plan as planned
from homelab.resources import login, nic_mtu

if TYPE_CHECKING:
    from homelab.world import World

PINGS = 6  # the most, a second each; none further once the way is direct
NARROW = 1280  # bytes: what reports see in WSL beside a client on Windows


def _phones_key_ends(world: World) -> Plan:
    name = str(login.read(world["phone"]).hostname) or "phone"
    return turned(world, "tailnet", "device", "the key of the phone ends", thing=name, expired=True)


def _log_in_again(world: World, broken: Plan) -> Plan:
    now, name = login.read(world["phone"]), broken.changes[0].name
    again = login.wanted(name, now.tags, now.login_server, again=True)
    why = "a person logs the phone in again: it stays the same device, with the same address"
    return planned(MEND, change("phone", "login", now, again, why) if now.node != login.RUNNING else ())


EXPIRED_KEY = Fault(
    "expired-key",
    "“Yesterday the phone opened everything. Today it opens nothing of ours, and its Wi-Fi is fine.”",
    "03_enrollment",
    lambda world, seconds: (lambda: node.running(world["phone"]),),
    _phones_key_ends,
    (
        "The way is not the trouble. Ask the phone what it thinks of its own place in the tailnet.",
        "A login holds for 180 days by default. What does `tailscale status` on the phone say first?",
    ),
    mends=_log_in_again,
)
NAMES_OFF = Fault(
    "names-off",
    "“The phone can't find Tequila any more: unknown host. By its number it answers.”",
    "03_enrollment",
    lambda world, seconds: (
        lambda: node.resolves(world["phone"], "tequila", seconds),
        lambda: node.running(world["phone"]),
    ),
    lambda world: turned(
        world, "phone", "prefs", "somebody turned “Use Tailscale DNS” off", accept_dns=False
    ),
    (
        "What works by number and not by name is about DNS. Whom does the phone ask for names?",
        "`tailscale dns status` on the phone: does it accept the tailnet's DNS?",
    ),
    ("take the tailnet's DNS again: MagicDNS answers only who asks it",),
)
UDP_BLOCKED = Fault(
    "udp-blocked",
    "“Everything works, and everything crawls, since the parents have a new router in the flat.”",
    "03_enrollment",
    lambda world, seconds: (
        lambda: path.goes_direct(
            world["phone"],
            "tequila",
            path.ping(world["phone"], "tequila", max(PINGS, int(seconds)), afresh=True),
        ),
    ),
    lambda world: turned(
        world, "flat_router", "link", "the new router lets no UDP through", thing="internet", udp="block"
    ),
    (
        "It arrives, so the question is which way it goes. `tailscale ping tequila`, on the phone.",
        "A relay carries TLS over TCP where UDP cannot pass. `tailscale netcheck` says whether UDP does.",
    ),
    ("let UDP through: without it there is no direct path, and a relay has to carry all",),
)


def _tequilas_network_narrows(world: World) -> Plan:
    nic = nic_mtu.way_out(world["tequila"])
    return turned(world, "tequila", "nic_mtu", f"{nic} takes no more than {NARROW} bytes", nic, mtu=NARROW)


MTU = Fault(
    "mtu",
    "“Pings and small pages are fine. A photo begins to load, and then it hangs for ever.”",
    "03_enrollment",
    lambda world, seconds: (
        lambda: mtu.leaves_room_for_the_tunnel(world["tequila"]),
        lambda: mtu.carries_full_packets(world["phone"], "tequila"),
    ),
    _tequilas_network_narrows,
    (
        "Small arrives, large doesn't: a ping proves nothing here. How large may a packet be, on each stretch?",
        "The tunnel adds 60 bytes to its 1280. Does the network device below it, on Tequila, take 1340?",
    ),
    ("widen the network below the tunnel, so that 1280 bytes and the tunnel's own 60 fit through",),
)
