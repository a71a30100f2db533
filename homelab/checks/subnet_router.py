"""A network behind a subnet router: who offers it, who carries it, and what a client gets from inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.clients import postgres
from homelab.clients.postgres import Database
from homelab.errors import NoAnswer
from homelab.machine import Machine
from homelab.resources import approval
from homelab.routing import subnets
from homelab.routing.failover import Outage, carrier
from homelab.wait import until

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

WHO = "select inet_client_addr()"
SHORT = 1.0  # seconds after which we believe that nobody will answer


@check
def offers(tailnet: Tailnet, name: str, *routes: str, seconds: float = 5.0) -> Answer:
    """Has the device `name` offered `routes`, while nobody has approved any of them?"""
    seen = until(
        lambda: approval.read(tailnet, name),
        lambda now: set(routes) <= set(now.offered),
        f"{name} to offer {', '.join(routes)}",
        seconds,
        hint="tailscale set --advertise-routes=… on that machine",
        where="tailnet",
    )
    used = sorted(set(routes) & set(seen.approved))
    evidence = f"offered: {', '.join(routes)}; approved: {', '.join(used) or 'none'}"
    return Answer(f"{name} offers, and waits", "tailnet", "fail" if used else "ok", evidence)


@check
def approved(tailnet: Tailnet, name: str, *routes: str, seconds: float = 5.0) -> Answer:
    """Are `routes`, as offered by the device `name`, approved: by hand or by the policy?"""
    seen = until(
        lambda: approval.read(tailnet, name),
        lambda now: set(routes) <= set(now.approved) & set(now.offered),
        f"{', '.join(routes)} of {name} to be approved",
        seconds,
        hint="the machines page, … , Edit route settings; or autoApprovers in the policy, for whom the router belongs to",
        where="tailnet",
    )
    return Answer(f"routes of {name} are approved", "tailnet", "ok", ", ".join(seen.approved))


@check
def carried_by(machine: Machine, route: str, name: str = "", seconds: float = 5.0) -> Answer:
    """Which node carries packets of `machine` for `route`? With `name`, is it that one?"""
    seen = until(
        lambda: carrier(machine, route),
        lambda now: now == name if name else bool(now),
        f"{name or 'a router'} to carry {route}",
        seconds,
        hint="is the route approved, and the router online?",
        where=machine.name,
    )
    return Answer(f"{route} has a carrier", machine.name, "ok", f"{seen} carries it")


@check
def out_of_reach(machine: Machine, database: Database) -> Answer:
    """Does a query get no answer, because there is no way to the database or its name is not known?"""
    try:
        rows = postgres.query(machine, database, WHO, SHORT)
    except NoAnswer as silence:
        return Answer(f"{database.host} is out of reach", machine.name, "ok", silence.what)
    return Answer(f"{database.host} is out of reach", machine.name, "fail", f"it answers {rows[0][0]}")


@check
def gives_rows(machine: Machine, database: Database, sql: str, seconds: float = 5.0) -> Answer:
    """Does the database give rows for `sql`? Tries for up to `seconds`."""

    def look() -> list[tuple[str, ...]]:
        try:
            return postgres.query(machine, database, sql, SHORT)
        except NoAnswer as silence:
            said.append(silence.what)
            return []

    said: list[str] = []
    hint = "is the route approved, accepted here, and allowed by the policy? tailscale status; tailscale set --accept-routes"
    rows = until(look, bool, f"rows from {database.host}", seconds, hint=hint, where=machine.name)
    shown = "\n".join("  ".join(row) for row in rows)
    return Answer(f"{database.host} answers", machine.name, "ok", f"{len(rows)} rows\n{shown}" if len(rows) > 1 else shown)  # fmt: skip


@check
def seen_as(machine: Machine, database: Database, address: str, seconds: float = 5.0) -> Answer:
    """Does the database see `machine` come from `address`? It is asked itself, in SQL."""

    def look() -> str:
        try:
            return postgres.query(machine, database, WHO, SHORT)[0][0]
        except NoAnswer as silence:
            return silence.what

    seen = until(
        look,
        lambda said: said == address,
        f"{database.host} to see {address}",
        seconds,
        hint="does the router translate (SNAT), and which of them carries the route?",
        where=machine.name,
    )
    return Answer(f"the database sees {address}", machine.name, "ok", f"{WHO}: {seen}")


@check
def resolves(machine: Machine, name: str, address: str, seconds: float = 5.0) -> Answer:
    """Do ordinary programs on `machine` find `address` for `name`? Asks ``getent``, as they do."""
    seen = until(
        lambda: (machine.run(["getent", "ahosts", name]).out.split() or ["not known"])[0],
        lambda found: found == address,
        f"{name} to be {address}",
        seconds,
        hint="does the node accept DNS, and is the nameserver inside a route? tailscale dns status",
        where=machine.name,
    )
    return Answer(f"resolves {name}", machine.name, "ok", f"getent ahosts {name}: {seen}")


@check
def unknown(machine: Machine, name: str) -> Answer:
    """Is `name` unknown to ordinary programs on `machine`?"""
    found = machine.run(["getent", "ahosts", name]).out.split()
    return Answer(f"does not know {name}", machine.name, "fail" if found else "ok", found[0] if found else "not known")  # fmt: skip


@check
def via_agrees(machine: Machine, site: int, route: str) -> Answer:
    """Does the client on `machine` compute the same 4via6 network for `route` at `site` as we do?"""
    told = machine.run(["tailscale", "debug", "via", str(site), route]).ok().out.strip()
    ours = subnets.via(site, route)
    return Answer("4via6 as the client has it", machine.name, "ok" if told == ours else "fail", f"site {site}, {route}: {told}")  # fmt: skip


@check
def survives(machine: Machine, outage: Outage, seconds: float) -> Answer:
    """Was the other router there within `seconds`, as measured by connections from `machine`?"""
    good = outage.after not in ("", outage.before) and outage.seconds <= seconds
    return Answer("another router takes over", machine.name, "ok" if good else "fail", str(outage))
