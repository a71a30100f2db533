"""Exit nodes: which way out a machine takes, whose resolver asks for it, and whether anything goes beside."""

from __future__ import annotations

import shlex
import time

from homelab.check import Answer, check
from homelab.checks.reach import WHAT_IS_MY_IP, public_address
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources import ip_forward, meter
from homelab.routing import exit_nodes
from homelab.wait import until

# A name whose address is that of the resolver that asks for it: Akamai's, and the lab's public DNS knows it too.
WHO_ASKS = "whoami.akamai.net"
APPROVED = "is it approved? the machines page, … → Edit route settings"


@check
def forwards(machine: Machine) -> Answer:
    """Does the machine pass packets on that are not for itself, and will it after a restart?"""
    now = ip_forward.read(machine)
    good = ip_forward.on(now) == now
    kept = "kept" if now.kept else "not kept"
    evidence = f"IPv4 {_on(now.ipv4)}, IPv6 {_on(now.ipv6)}, {kept} in {ip_forward.FILE}"
    return Answer("forwards packets", machine.name, "ok" if good else "fail", evidence)


@check
def may_choose(machine: Machine, name: str, seconds: float = 5.0) -> Answer:
    """Is the exit node `name` in the machine's list? Waits for it up to `seconds`."""
    seen = until(
        lambda: {n.name: n for n in exit_nodes.offered(machine)},
        lambda found: any(_is(n, name) for n in found),
        f"{name} to be in the list",
        seconds,
        hint=APPROVED,
        where=machine.name,
    )
    node = next(n for full, n in seen.items() if _is(full, name))
    where = ", ".join(w for w in (node.city, node.country) if w)
    evidence = f"{node.name}{f' in {where}' if where else ''}, one of {len(seen)}"
    return Answer(f"may choose {name}", machine.name, "ok", evidence)


@check
def may_not_choose(machine: Machine, name: str, seconds: float = 5.0) -> Answer:
    """Is the exit node `name` missing from the machine's list? Waits up to `seconds` until it has gone."""
    seen = until(
        lambda: [n.name for n in exit_nodes.offered(machine)],
        lambda found: not any(_is(n, name) for n in found),
        f"{name} to be gone from the list",
        seconds,
        where=machine.name,
    )
    evidence = f"in the list: {', '.join(seen)}" if seen else "the list is empty"
    return Answer(f"may not choose {name}", machine.name, "ok", evidence)


@check
def suggests(machine: Machine, name: str, seconds: float = 5.0) -> Answer:
    """Does the client itself propose the exit node `name`? Waits for it up to `seconds`."""
    seen = until(
        lambda: exit_nodes.suggested(machine),
        lambda proposed: _is(proposed, name),
        f"{name} to be proposed",
        seconds,
        where=machine.name,
    )
    return Answer(f"suggests {name}", machine.name, "ok", f"tailscale exit-node suggest: {seen}")


@check
def leaves_by(machine: Machine, address: str, seconds: float = 5.0) -> Answer:
    """Does a server on the internet see the machine come from `address`? Waits for it up to `seconds`."""
    seen = until(
        lambda: _address_now(machine),
        lambda found: found == address,
        f"the way out to be {address}",
        seconds,
        where=machine.name,
    )
    return Answer(f"leaves by {address}", machine.name, "ok", f"{WHAT_IS_MY_IP} says {seen}")


@check
def asks_names_by(machine: Machine, address: str, seconds: float = 5.0) -> Answer:
    """Does public DNS see the machine's questions come from `address`? Waits for it up to `seconds`."""
    seen = until(
        lambda: resolver(machine) or "no answer",
        lambda found: found == address,
        f"questions to come from {address}",
        seconds,
        hint="does the machine accept the tailnet's DNS? `tailscale dns status`",
        where=machine.name,
    )
    return Answer(f"asks for names by {address}", machine.name, "ok", f"{WHO_ASKS} is {seen}")


def resolver(machine: Machine, patience: int = 3) -> str:
    """The address from which public DNS is asked when `machine` asks; empty without an answer in `patience` seconds."""
    words = machine.run(["timeout", str(patience), "getent", "ahostsv4", WHO_ASKS]).out.split()
    return words[0] if words else ""


@check
def stands_still(machine: Machine, address: str) -> Answer:
    """Does nothing get out: no ping and no page at `address`, no question for a name? Tries all for a second."""
    target = shlex.quote(address)
    tries = {
        "ping": f"ping -n -c 3 -i 0.3 -W 1 {target}",
        "page": f"curl -s -m 1 -o /dev/null http://{target}/",
        "what is my IP": f"curl -s -m 1 -o /dev/null {WHAT_IS_MY_IP}",
        "name": f"timeout 1 getent ahostsv4 {WHO_ASKS}",
    }
    # Refused is an answer as well: 7 means that somebody said no.
    script = [f'{{ {command} >/dev/null; echo "{what}=$?"; }} &' for what, command in tries.items()]
    said = machine.run(["sh", "-c", "\n".join([*script, "wait"])], timeout=20).ok().out
    ends = dict(line.rpartition("=")[::2] for line in said.splitlines())
    through = [what for what, end in ends.items() if end in ("0", "7")]
    evidence = f"answers to: {', '.join(through)}" if through else f"no answer to any of: {', '.join(tries)}"
    return Answer("nothing gets out", machine.name, "fail" if through else "ok", evidence)


@check
def nothing_in_the_clear(router: Machine, before: meter.Counts) -> Answer:
    """Has the router passed on nothing of the metered machine's but the tunnel and TLS since `before`?"""
    passed = meter.counts(router) - before
    good = not passed.clear and not passed.names
    return Answer("nothing goes out in the clear", router.name, "ok" if good else "fail", f"{passed}")


@check
def goes_in_the_clear(router: Machine, before: meter.Counts) -> Answer:
    """Has the router seen packets in the clear since `before`? It must, or its silence later proves nothing."""
    passed = meter.counts(router) - before
    good = passed.clear > 0 and passed.names > 0
    return Answer("sees packets in the clear", router.name, "ok" if good else "fail", f"{passed}")


@check
def goes_by_tls(router: Machine, before: meter.Counts) -> Answer:
    """Has the router since `before` passed on TLS to a relay, and nothing in the clear?

    What it counts as the tunnel's are then greetings, by which the two ends go on trying the direct way.
    """
    passed = meter.counts(router) - before
    good = passed.tls > 0 and not passed.clear and not passed.names
    return Answer("goes out as TLS", router.name, "ok" if good else "fail", f"{passed}")


@check
def comes_back(machine: Machine, address: str, since: float, within: float = 8.0) -> Answer:
    """Is the way out by `address` back `within` seconds of `since` (`time.monotonic`)? Waits for up to 30 s.

    Mostly it is within one; WireGuard repeats a first greeting that was lost after 5 s.
    """
    until(
        lambda: _address_now(machine, 0.5),
        lambda found: found == address,
        f"the way by {address} to come back",
        30.0,
        where=machine.name,
    )
    took = time.monotonic() - since
    evidence = f"{took:.2f} s until {WHAT_IS_MY_IP} said {address} again"
    return Answer("comes back", machine.name, "ok" if took <= within else "warn", evidence)


def _address_now(machine: Machine, patience: float = 5.0) -> str:
    try:
        return public_address(machine, patience)
    except HomelabError as error:
        return error.what


def _is(full: str, name: str) -> bool:
    return name in (full, full.split(".")[0])


def _on(value: bool) -> str:
    return "on" if value else "off"
