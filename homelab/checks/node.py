"""A node of the tailnet as it sees itself: running, named, seeing its peers, resolving their names."""

from __future__ import annotations

from typing import Any

from homelab.check import Answer, check
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.params import TAILSCALE
from homelab.resources import login
from homelab.resources.tailscale_status import peers, short_name, status
from homelab.wait import until

LOOK = "tailscale status on that machine says more"


@check
def running(machine: Machine) -> Answer:
    """Is the node logged in and connected?"""
    seen = login.read(machine)
    good = seen.node == login.RUNNING
    evidence = f"{seen.node} as {seen.hostname}, {seen.address}" if good else seen.node
    if seen.login_server != TAILSCALE:
        evidence += f", at {seen.login_server}"
    return Answer(
        "is in the tailnet", machine.name, "ok" if good else "fail", evidence, "log it in: tailscale up"
    )


@check
def named(machine: Machine, hostname: str) -> Answer:
    """Is the node called `hostname` in the tailnet?"""
    seen = login.read(machine)
    hint = "another node may have that name; the machines page tells"
    return Answer(
        f"is called {hostname}",
        machine.name,
        _word(seen.hostname == hostname),
        str(seen.hostname) or "no name",
        hint,
    )


@check
def tagged(machine: Machine, *tags: str) -> Answer:
    """Does the node carry exactly `tags`?"""
    seen = login.read(machine)
    evidence = ", ".join(seen.tags) or "no tags: it belongs to a person"
    return Answer("has its tags", machine.name, _word(sorted(seen.tags) == sorted(tags)), evidence)


@check
def needs_login(machine: Machine, seconds: float = 10.0) -> Answer:
    """Has the node been told that its login is over? Waits for it up to `seconds`."""
    seen = until(
        lambda: login.read(machine).node,
        lambda node: node == login.NEEDS_LOGIN,
        "the node to need a login",
        seconds,
        hint=LOOK,
        where=machine.name,
    )
    return Answer("needs login", machine.name, "ok", seen)


@check
def keeps_address(machine: Machine, address: str) -> Answer:
    """Does the node still have `address` (IPv4) in the tailnet?"""
    now = str(login.read(machine).address)
    return Answer(
        "keeps its address", machine.name, _word(now == address), f"{now or 'none'}, before {address}"
    )


@check
def sees(machine: Machine, *names: str, seconds: float = 10.0) -> Answer:
    """Does the node know the nodes `names`, and are they online? Waits for it up to `seconds`."""

    def look() -> dict[str, dict[str, Any]]:
        return {short_name(p): p for p in peers(status(machine))}

    seen = until(
        look,
        lambda found: all(found.get(n, {}).get("Online") for n in names),
        f"{', '.join(names)} to be online",
        seconds,
        hint=LOOK,
        where=machine.name,
    )
    return Answer(
        f"sees {', '.join(names)}", machine.name, "ok", ", ".join(f"{n} {_address(seen[n])}" for n in names)
    )


@check
def does_not_see(machine: Machine, name: str, seconds: float = 10.0) -> Answer:
    """Is the node `name` gone from this node's view? Waits for it up to `seconds`."""
    left = until(
        lambda: [short_name(p) for p in peers(status(machine))],
        lambda names: name not in names,
        f"{name} to be gone",
        seconds,
        hint=LOOK,
        where=machine.name,
    )
    return Answer(f"does not see {name}", machine.name, "ok", f"{name} is not among {len(left)} peers")


@check
def resolves(machine: Machine, name: str, seconds: float = 5.0) -> Answer:
    """Does MagicDNS give ordinary programs the address of the node `name`? Asks ``getent``, as they do."""
    found = status(machine)
    me = found.get("Self") or {}
    nodes = {short_name(n): _address(n) for n in [me, *peers(found)]}
    wanted = nodes.get(name.split(".")[0], "")
    if not wanted:
        raise HomelabError(f"the tailnet has no node called {name}", machine.name, LOOK)

    def look() -> str:
        lines = machine.run(["getent", "ahostsv4", name]).out.split()
        return lines[0] if lines else "not known"

    seen = until(
        look,
        lambda address: address == wanted,
        f"{name} to be {wanted}",
        seconds,
        hint="is MagicDNS on, and does the node accept DNS? `tailscale dns status`",
        where=machine.name,
    )
    return Answer(f"resolves {name}", machine.name, "ok", f"getent ahostsv4 {name}: {seen}")


@check
def tailnet_is_called(machine: Machine, name: str = "") -> Answer:
    """What is this tailnet called? With `name`, is it called so?"""
    suffix = str(status(machine).get("MagicDNSSuffix") or "")
    good = suffix == name if name else bool(suffix)
    return Answer("knows the tailnet's name", machine.name, _word(good), suffix or "it has no name yet")


def _address(node: dict[str, Any]) -> str:
    return next((str(a) for a in node.get("TailscaleIPs") or [] if ":" not in a), "")


def _word(good: bool) -> str:
    return "ok" if good else "fail"
