"""How long a network is out of reach when its router goes: measured by connections that are tried meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from homelab import moment, web
from homelab.errors import HomelabError, NoAnswer, WaitTimeout
from homelab.lab_machine import LabMachine
from homelab.machine import Machine
from homelab.resources.tailscale_status import peers, short_name, status
from homelab.wait import until

TRY = 0.05  # seconds that one connection may take: a lost packet would be sent again only after 1 s
KILL = 9
DAEMON = "tailscaled"
ONLINE = 30.0  # a client that lost its control plane backs off


@dataclass(frozen=True)
class Outage:
    """Nothing went through for `seconds`, between the router `before` and the one that took over."""

    seconds: float
    tries: int
    before: str
    after: str

    def __str__(self) -> str:
        tries = f"{self.tries} {'try' if self.tries == 1 else 'tries'}"
        return f"{self.before} went, {self.after or 'nobody'} took over: {self.seconds:.2f} s without a way ({tries})"


def carrier(machine: Machine, route: str) -> str:
    """The node that carries packets of `machine` for `route` now; empty where none does."""
    nodes = peers(status(machine))
    return next((short_name(n) for n in nodes if route in (n.get("PrimaryRoutes") or [])), "")


@moment.anew()
def measure(
    client: Machine, route: str, host: str, port: int, go: Callable[[str], None], seconds: float = 30.0
) -> Outage:
    """Let `go` take away the router that carries `route`, and see when `client` gets to `host` again.

    `go` is given the router's name, and returns when it is gone.

    Raises:
        HomelabError: nobody carries the route to begin with.
        WaitTimeout: no way within `seconds`.
    """
    before = carrier(client, route)
    if not before:
        raise HomelabError(
            f"nobody carries {route}", client.name, "are the routers online, the route approved?"
        )
    start = time.monotonic()
    go(before)
    tries = 0
    while (now := time.monotonic()) - start < seconds:
        tries += 1
        if _connects(client, host, port):
            return Outage(now - start, tries, before, carrier(client, route))
    raise WaitTimeout(
        f"another way to {host}", seconds, f"{tries} connections in vain", "tailscale status", client.name
    )


def _connects(client: Machine, host: str, port: int) -> bool:
    began = time.monotonic()
    try:
        web.dial(client, host, port, TRY).close()
    except NoAnswer:
        time.sleep(max(0.0, 0.005 - (time.monotonic() - began)))  # a refusal comes at once
        return False
    return True


@contextmanager
def killed(router: Machine, client: Machine) -> Iterator[Callable[[str], None]]:
    """What kills the daemon of `router`, as a power cut does; afterwards it runs again and `client` sees it online.

    Raises:
        HomelabError: it is no machine of the lab.
    """
    if not isinstance(router, LabMachine):
        raise HomelabError("only the lab's machines are killed", router.name)
    name = _name(router)
    try:
        yield lambda _: router.stop(DAEMON, KILL)
    finally:
        router.start(DAEMON)
        _await_online(name, client)


@contextmanager
def cut_off(router: Machine, client: Machine, network: str = "internet") -> Iterator[Callable[[str], None]]:
    """What pulls the cable of `router` to `network`; afterwards it is whole, and `client` sees it online.

    Raises:
        HomelabError: it is no machine of the lab.
    """
    if not isinstance(router, LabMachine):
        raise HomelabError("only the lab's cables are pulled", router.name)

    name, cable = _name(router), router

    def pull(_: str) -> None:
        cable.link(network, cut=True)

    try:
        yield pull
    finally:
        cable.link(network, cut=False)
        _await_online(name, client)


def _await_online(name: str, client: Machine) -> None:
    until(
        lambda: {short_name(p): bool(p.get("Online")) for p in peers(status(client))},
        lambda online: online.get(name, False),
        f"{name} to be online again",
        ONLINE,
        where=client.name,
    )


def _name(machine: Machine) -> str:
    return short_name(status(machine).get("Self") or {})
