"""The wires as text: what `ip -batch` and `iptables-restore` are given. Pure; nothing is run here."""

from __future__ import annotations

from typing import Any

Blueprint = dict[str, Any]
RANDOM = " --random-fully"


def switches(blueprint: Blueprint) -> str:
    """A bridge per network, in the lab's own network namespace. The internet's router has no way out."""
    lines = ["link set lo up"]
    for net in blueprint["networks"].values():
        bridge = net["bridge"]
        lines.append(f"link add {bridge} type bridge mcast_snooping 0 forward_delay 0")
        if net["router"]:
            lines.append(f"addr add {net['router']} dev {bridge}")
        lines.append(f"link set {bridge} up")
    return "\n".join(lines) + "\n"


def wires(blueprint: Blueprint, pids: dict[str, int]) -> str:
    """A pair of interfaces per machine and network: one end in the machine, one on the network's bridge."""
    lines = []
    for name, machine in blueprint["machines"].items():
        for nic in machine["interfaces"]:
            bridge = blueprint["networks"][nic["network"]]["bridge"]
            lines.append(
                f"link add {nic['port']} type veth peer name {nic['name']} address {nic['mac']} netns {pids[name]}"
            )
            lines.append(f"link set {nic['port']} master {bridge} up")
    return "\n".join(lines) + "\n"


def addresses(machine: dict[str, Any]) -> str:
    """A machine's own side: addresses, and always a default route, for without one a tailscaled waits for ever."""
    lines = ["link set lo up"]
    for nic in machine["interfaces"]:
        lines += [f"addr add {address} dev {nic['name']}" for address in nic["addresses"]]
        lines.append(f"link set {nic['name']} up")
    via = f"via {machine['gateway']}" if machine["gateway"] else f"dev {machine['interfaces'][0]['name']}"
    if machine["gateway"] and all(
        a.endswith("/32") for nic in machine["interfaces"] for a in nic["addresses"]
    ):
        via += (
            f" dev {machine['upstream']} onlink"  # alone in its network, it would not believe the router near
        )
    lines.append(f"route add default {via}")
    return "\n".join(lines) + "\n"


def firewall(machine: dict[str, Any]) -> str:
    """What a home router does: masquerade, and drop from the first packet what nobody inside asked for.

    Without the drop, a peer's early packet makes a conntrack entry that takes the port, and the
    router would look like one with symmetric NAT.
    """
    if not machine["nat"]:
        return ""
    out = machine["upstream"]
    return f"""*nat
-A POSTROUTING {masquerade(out, machine["nat"])}
COMMIT
*filter
-A INPUT -i {out} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i {out} -j DROP
-A FORWARD -i {out} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i {out} -m conntrack --ctstate DNAT -j ACCEPT
-A FORWARD -i {out} -j DROP
COMMIT
"""


def masquerade(out: str, nat: str) -> str:
    """The NAT rule: cone keeps one port for all destinations, symmetric takes a new one for each."""
    return f"-o {out} -j MASQUERADE{RANDOM if nat == 'symmetric' else ''}"


def udp_rules(nic: str, *, block: bool) -> list[list[str]]:
    """Commands that let no UDP but DNS through `nic` of a machine, or let it through again."""
    rules = [
        ["PREROUTING", "-i", nic, "-p", "udp", "!", "--sport", "53", "-j", "DROP"],
        ["POSTROUTING", "-o", nic, "-p", "udp", "!", "--dport", "53", "-j", "DROP"],
    ]
    return [["iptables", "-w", "-t", "mangle", "-A" if block else "-D", *rule] for rule in rules]


def nat_rules(out: str, nat: str) -> list[list[str]]:
    """Commands that change the NAT's kind, also for what flows already (only UDP: relays keep their TCP)."""
    return [
        ["iptables", "-w", "-t", "nat", "-R", "POSTROUTING", "1", *masquerade(out, nat).split()],
        ["conntrack", "-D", "-p", "udp"],
    ]


def delay(nic: str, delay_ms: float, loss_pct: float) -> list[str]:
    """A `tc` command that delays or loses what leaves `nic`; none of both takes it away."""
    if not delay_ms and not loss_pct:
        return ["tc", "qdisc", "del", "dev", nic, "root"]
    what = [
        *(["delay", f"{delay_ms:g}ms"] if delay_ms else []),
        *(["loss", f"{loss_pct:g}%"] if loss_pct else []),
    ]
    return ["tc", "qdisc", "replace", "dev", nic, "root", "netem", "limit", "20000", *what]
