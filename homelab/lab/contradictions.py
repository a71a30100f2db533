"""What in a topology contradicts what: everything that no single value shows."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from homelab.errors import Problem, nearest
from homelab.yamldoc import Document

from . import engine
from .salvage import Gaps
from .shapes import Machine, Topology


def contradictions(topology: Topology, document: Document, gaps: Gaps) -> Iterator[Problem]:
    """All of them; what is in `gaps` has faults of its own, so what depends on it is let be."""
    yield from _between_networks(topology, document)
    yield from _addresses(topology, document, gaps)
    yield from _disks(topology, document)
    yield from _names(topology, document, gaps)
    yield from _routes(topology, document, gaps)
    yield from _windows(topology, document, gaps)
    yield from _cloud(topology, document, gaps)


def _between_networks(topology: Topology, document: Document) -> Iterator[Problem]:
    names = list(topology.networks)
    for n, name in enumerate(names):
        for other in names[:n]:
            mine, theirs = topology.networks[name].prefix, topology.networks[other].prefix
            if mine.overlaps(theirs):
                where = document.where(("networks", name, "prefix"))
                yield Problem(where, f"{name} ({mine}) overlaps {other} ({theirs})", "give one another range")
    public = [n for n in names if topology.networks[n].public]
    for name in public[1:]:
        where = document.where(("networks", name, "public"))
        yield Problem(where, f"{name} and {public[0]} are both public", "a lab has one internet; keep one")


def _addresses(topology: Topology, document: Document, gaps: Gaps) -> Iterator[Problem]:
    taken: dict[IPv4Address, str] = {}
    for name, machine in topology.machines.items():
        place = ("machines", name)
        if not machine.addresses and name not in gaps.partial:
            yield Problem(
                document.where((*place, "addresses")),
                f"{name} is on no network",
                "write `addresses: {NETWORK: ADDRESS}`",
            )
        for network in machine.also:
            if network not in machine.addresses and name not in gaps.partial:
                where = document.where((*place, "also", network))
                yield Problem(
                    where, f"{name} is not on {network}", "give it an address there under `addresses`"
                )
        for network, address, path in _all_addresses(name, machine):
            where = document.where(path)
            if network not in topology.networks:
                if network not in gaps.networks:
                    known = [*topology.networks, *gaps.networks]
                    yield Problem(where, f"there is no network {network!r}", nearest(network, known))
                continue
            net = topology.networks[network]
            if address not in net.prefix:
                yield Problem(
                    where, f"{address} is not in {network} ({net.prefix})", "take an address of that range"
                )
            elif address in (net.prefix.network_address, net.prefix.broadcast_address):
                yield Problem(
                    where, f"{address} is no address for a machine in {net.prefix}", "take one in between"
                )
            elif net.public and address == next(net.prefix.hosts()):
                yield Problem(where, f"{address} is the internet's own router", "take another address")
            if address in taken:
                yield Problem(where, f"{address} is taken by {taken[address]}", "give each machine its own")
            taken.setdefault(address, name)


def _disks(topology: Topology, document: Document) -> Iterator[Problem]:
    for name, machine in topology.machines.items():
        taken = [engine.DATA] if machine.docker else []
        for n, disk in enumerate(machine.disks):
            for other in (
                t for t in taken if f"{disk}/".startswith(f"{t}/") or f"{t}/".startswith(f"{disk}/")
            ):
                where = document.where(("machines", name, "disks", n))
                yield Problem(where, f"{disk} and {other} lie in one another", "give each disk its own place")
            taken.append(disk)


def _names(topology: Topology, document: Document, gaps: Gaps) -> Iterator[Problem]:
    """A DNS server answers on an address of its machine, with the cloud's program."""
    for name, machine in topology.machines.items():
        if machine.names is None or name in gaps.partial:
            continue
        where = document.where(("machines", name, "names", "address"))
        if machine.names.address not in [a for _, a, _ in _all_addresses(name, machine)]:
            hint = f"add it under machines.{name}.also"
            yield Problem(where, f"{name} does not have the address {machine.names.address}", hint)
        if topology.cloud and topology.cloud.machine == name:
            yield Problem(
                where, f"{name} plays the cloud, which answers names already", "take another machine"
            )


def _all_addresses(name: str, machine: Machine) -> Iterator[tuple[str, IPv4Address, tuple[str | int, ...]]]:
    for network, address in machine.addresses.items():
        yield network, address, ("machines", name, "addresses", network)
    for network, more in machine.also.items():
        for n, address in enumerate(more):
            yield network, address, ("machines", name, "also", network, n)


def _routes(topology: Topology, document: Document, gaps: Gaps) -> Iterator[Problem]:
    for name, machine in topology.machines.items():
        place = ("machines", name)
        public = [n for n in machine.addresses if n in topology.networks and topology.networks[n].public]
        is_whole = name not in gaps.partial and not gaps.networks & set(machine.addresses)
        if machine.nat and len(machine.addresses) < 2 and is_whole:
            yield Problem(
                document.where((*place, "nat")),
                f"{name} has nat but one network",
                "put it on two networks, or no nat",
            )
        if machine.nat and not public and not machine.gateway and is_whole:
            yield Problem(
                document.where((*place, "nat")),
                f"{name} has nat but no way out",
                "put it on the public network, or name a gateway",
            )
        if machine.gateway is None or machine.gateway in gaps.machines:
            continue
        where = document.where((*place, "gateway"))
        if machine.gateway not in topology.machines:
            others = [n for n in (*topology.machines, *gaps.machines) if n != name]
            yield Problem(where, f"there is no machine {machine.gateway!r}", nearest(machine.gateway, others))
            continue
        if public:
            yield Problem(
                where, f"{name} is on the public network and needs no gateway", "leave one of them out"
            )
        gateway = topology.machines[machine.gateway]
        if machine.gateway == name:
            yield Problem(where, f"{name} is its own gateway", "name the router that leads out")
        elif {name, machine.gateway} & gaps.partial:
            continue
        elif not set(gateway.addresses) & set(machine.addresses):
            yield Problem(
                where, f"{name} shares no network with its gateway {machine.gateway}", "name a neighbour"
            )
        elif len(gateway.addresses) < 2:
            yield Problem(where, f"{machine.gateway} is on one network and leads nowhere", "name a router")
        elif loop := _loop(topology, name):
            yield Problem(
                where, f"the gateways run in a circle: {' → '.join(loop)}", "let one of them lead out"
            )


def _windows(topology: Topology, document: Document, gaps: Gaps) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, machine in topology.machines.items():
        if not machine.windows or machine.windows.wsl in gaps.machines:
            continue
        inner, where = machine.windows.wsl, document.where(("machines", name, "windows", "wsl"))
        if inner not in topology.machines:
            others = [n for n in (*topology.machines, *gaps.machines) if n != name]
            yield Problem(where, f"there is no machine {inner!r}", nearest(inner, others))
        elif topology.machines[inner].gateway != name and inner not in gaps.partial:
            yield Problem(where, f"{inner} is not behind {name}", f"write `gateway: {name}` at {inner}")
        elif inner in taken:
            yield Problem(where, f"{inner} is WSL on {taken[inner]} already", "name another machine")
        taken.setdefault(inner, name)


def _loop(topology: Topology, start: str) -> list[str]:
    """The circle that `start` is part of and is the first name of, or []."""
    path, here = [start], topology.machines[start].gateway
    while here and here in topology.machines and here not in path:
        path.append(here)
        here = topology.machines[here].gateway
    return [*path, here] if here == start and start == min(path) else []


def _cloud(topology: Topology, document: Document, gaps: Gaps) -> Iterator[Problem]:
    cloud = topology.cloud
    if cloud is None:
        if not gaps.cloud:
            for name, machine in topology.machines.items():
                if machine.tailscale != "none":
                    where = document.where(("machines", name, "tailscale"))
                    yield Problem(
                        where, f"{name} runs tailscale, but there is no `cloud`", "add one, or leave it out"
                    )
        return
    if cloud.machine not in topology.machines:
        if cloud.machine not in gaps.machines:
            hint = nearest(cloud.machine, [*topology.machines, *gaps.machines])
            yield Problem(
                document.where(("cloud", "machine")), f"there is no machine {cloud.machine!r}", hint
            )
        return
    machine = topology.machines[cloud.machine]
    public = {
        address
        for network, address, _ in _all_addresses(cloud.machine, machine)
        if network in topology.networks and topology.networks[network].public
    }
    is_whole = cloud.machine not in gaps.partial and not gaps.networks & set(machine.addresses)
    if not public and is_whole:
        where = document.where(("machines", cloud.machine))
        yield Problem(
            where, f"{cloud.machine} plays the cloud but is not on a public network", "put it there"
        )
    yield from _helpers(topology, document, gaps)
    wanted: list[tuple[IPv4Address, tuple[str | int, ...]]] = [(cloud.dns, ("cloud", "dns"))]
    wanted += [(a, ("cloud", "derp", n)) for n, a in enumerate(cloud.derp)]
    for address, path in wanted:
        if public and is_whole and address not in public:
            hint = f"add it under machines.{cloud.machine}.also"
            yield Problem(document.where(path), f"{cloud.machine} does not have the address {address}", hint)
    for n, address in enumerate(cloud.derp):
        if address in cloud.derp[:n]:
            where = document.where(("cloud", "derp", n))
            yield Problem(where, f"{address} is there twice", "each DERP region has its own address")


def _helpers(topology: Topology, document: Document, gaps: Gaps) -> Iterator[Problem]:
    """The machines that play the cloud's parts elsewhere: they have a tailscaled that starts when asked."""
    cloud = topology.cloud
    assert cloud
    places: list[tuple[str, tuple[str, ...]]] = [(n, ("cloud", "exits", n)) for n in cloud.exits]
    places += [(cloud.relay, ("cloud", "relay"))] if cloud.relay else []
    places += [(cloud.recorder, ("cloud", "recorder"))] if cloud.recorder else []
    for name, path in places:
        where = document.where(path)
        if name not in topology.machines:
            if name not in gaps.machines:
                hint = nearest(name, [*topology.machines, *gaps.machines])
                yield Problem(where, f"there is no machine {name!r}", hint)
            continue
        machine = topology.machines[name]
        if machine.tailscale != "asked" and name not in gaps.partial:
            yield Problem(where, f"{name} has `tailscale: {machine.tailscale}`", "write `tailscale: asked`")
        on_internet = any(n in topology.networks and topology.networks[n].public for n in machine.addresses)
        is_whole = name not in gaps.partial and not gaps.networks & set(machine.addresses)
        if name != cloud.recorder and not on_internet and is_whole:
            yield Problem(where, f"{name} is not on a public network", "put it there")
