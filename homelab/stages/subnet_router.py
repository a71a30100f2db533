"""07, subnet router: a whole network in the tailnet through one machine of it, with its names; and a second machine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, field_validator

from homelab import needs
from homelab.errors import HomelabError, ParamsError, Problem
from homelab.lab_machine import LabMachine
from homelab.params import Roles, Strict, spelled
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.policy import people, policyfile
from homelab.policy.nodes import nodes
from homelab.resources import approval, dns, ip_forward, login, policy, prefs, route
from homelab.resources.tailscale_status import peers, status
from homelab.routing import subnets
from homelab.routing.failover import carrier
from homelab.routing.subnets import Network
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "07_subnet_router"
NO_KEY = "Approval, the policy and the DNS page need an admin API key (api_key in the params file): left as they are."
TAILNET = str(subnets.TAILNET[0])
GIVEN = ("autogroup:owner", "autogroup:admin", "autogroup:member")  # there are such people in every tailnet
SITE = 7  # any number of yours, one for each place whose range others have too


def _is_route(text: str) -> str:
    return str(subnets.network(text))


def _is_domain(text: str) -> str:
    labels = text.lower().rstrip(".").split(".")
    good = all(label and label.isascii() and label.replace("-", "").isalnum() for label in labels)
    if text and not good:
        raise ValueError(f"{text!r} is no domain such as vpc.internal")
    return ".".join(labels)


Route = Annotated[str, AfterValidator(_is_route)]
Domain = Annotated[str, AfterValidator(_is_domain)]
Who = Annotated[
    str,
    spelled(
        r"^(autogroup:[a-z]+|group:\S+|tag:\S+|\S+@\S+)\Z",
        "must be somebody such as alice@example.com, or autogroup:…, group:… or tag:…",
    ),
]


class Params(Strict):
    """`routers` offer `routes` to `clients`, by their roles: the first approved by hand, the others by the policy.

    `approver` is whose offers the policy approves; `domain` is what the DNS server `nameserver` inside
    the network knows (empty: no names), and `database` the address of a host in it that answers SQL
    (empty: none is asked), which that server calls `database_name`.
    """

    routers: list[str] = Field(default_factory=lambda: ["router", "router2"], min_length=1, max_length=8)
    routes: list[Route] = Field(default_factory=lambda: ["10.20.0.0/24"], min_length=1, max_length=32)
    clients: list[str] = Field(default_factory=lambda: ["phone"], max_length=16)
    approver: Who = "autogroup:owner"
    domain: Domain = "vpc.internal"
    nameserver: str = "10.20.0.53"
    database: str = "10.20.0.50"
    database_name: Domain = "rds.vpc.internal"
    experiments: bool = False

    @field_validator("routers", "clients", "routes")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        for item in value:
            if value.count(item) > 1:
                raise ValueError(f"{item} is there twice")
        return value

    @field_validator("nameserver", "database")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            try:
                ip_address(value)
            except ValueError as error:
                raise ValueError(f"{value!r} is not an IP address") from error
        return value


def problems(wish: Params, roles: Roles) -> list[Problem]:
    """Machines that nobody plays, said before anything starts."""
    usual = Params.model_construct()
    return [
        *roles.missing("routers", wish.routers, usual.routers),
        *roles.missing("clients", wish.clients, usual.clients),
    ]


def plan(world: World, wish: Params) -> Plan:
    """All that lasts: logins, offers, approvals, who accepts, the names of the network.

    Raises:
        ParamsError: a route would take the network from under a machine that accepts it; or `approver` is
            nobody, or nobody whose offers there will be.
    """
    routers, clients = _here(world, wish.routers), _here(world, wish.clients)
    refuse_overlaps(world, wish)
    refuse_approver(world, wish)
    changes = [*needs.missing(world, [needs.joined(role) for role in (*routers, *clients)])]
    for role in routers[:1]:
        changes += [
            *offer(world, role, wish.routes),
            *approve(world, role, wish.routes, "approve by hand what {} offers"),
        ]
    for role in clients:
        now = prefs.read(world[role])
        changes += change(role, "prefs", now, replace(now, accept_routes=True), "accept what others offer")
    if routers:
        changes += names(world, wish)
    if routers[1:]:
        changes += by_policy(world, wish)
    for role in routers[1:]:
        changes += [
            *offer(world, role, wish.routes),
            *approve(world, role, wish.routes, "have approved what {} offers"),
        ]
    return planned(STAGE, changes, notes=_notes(world, wish))


def _here(world: World, roles: Sequence[str]) -> list[str]:
    return [role for role in roles if role in world.machines]


def _notes(world: World, wish: Params) -> list[str]:
    notes = [] if world.tailnet else [NO_KEY]
    if missing := [role for role in wish.routers if role not in world.machines]:
        notes.append(f"No machine here plays {', '.join(missing)}: nothing is offered by it. See `routers`.")
    for inner, outer in subnets.contained(wish.routes):
        notes.append(f"{inner} lies in {outer}, which is in the list too: one of the two would do.")
    for address in dict.fromkeys((wish.nameserver if wish.domain else "", wish.database)):
        if address and not any(subnets.holds(r, address) for r in wish.routes):
            notes.append(f"{address} is in none of the routes: who asks it must have another way there.")
    return notes


def refuse_overlaps(world: World, wish: Params) -> None:
    """No machine that accepts routes may lose its own network to one of them.

    Raises:
        ParamsError: all that would happen, with the machines and networks by name.
    """
    routes = [subnets.network(r) for r in wish.routes]
    found = subnets.overlaps(routes, accepting(world, wish))
    if found:
        hint = "give one side another range, or offer it as IPv6: `tailscale debug via SITE ROUTE` (4via6)"
        raise ParamsError([Problem("routes", str(overlap), hint) for overlap in found])


def refuse_approver(world: World, wish: Params) -> None:
    """The policy's approver must exist, and be whom the second router, and every further one, belongs to.

    Raises:
        ParamsError: it is nobody here, or the offers would wait for ever.
    """
    waiting = _here(world, wish.routers[1:])
    if world.tailnet is None or not waiting or wish.approver in GIVEN:
        return
    known, text = people.people(world.tailnet), policyfile.data(policy.read(world.tailnet).text)
    people.refuse_unknown("approver", [wish.approver], text, known)
    owners = {n.name: n for n in nodes(world.tailnet)}
    problems = []
    for role in waiting:
        there = owners.get(node_name(world, role))
        tags, owner = (there.tags, there.user) if there else ((), known.login)
        fits = wish.approver in tags if tags else people.may_mean([wish.approver], text, owner)
        if not fits:
            whose = f"carries {', '.join(tags)}" if tags else f"belongs to {owner}"
            what = f"{role} {whose}, so what it offers would not be approved by a rule for {wish.approver}"
            problems.append(Problem("approver", what, f"say {tags[0] if tags else owner}, or {GIVEN[0]}"))
    if problems:
        raise ParamsError(problems)


def accepting(world: World, wish: Params) -> dict[str, dict[str, Network]]:
    """The own networks of machines that accept routes, or shall: by machine, then by network device."""

    def accepts(role: str) -> bool:
        # Where no daemon runs, tailscale would look for it for two seconds.
        runs = bool(world[role].run(["pgrep", "-x", "tailscaled"]))
        return role in wish.clients or (runs and prefs.read(world[role]).accept_routes)

    roles = list(world)
    with ThreadPoolExecutor(8) as pool:
        return {
            r: subnets.of(world[r]) for r, does in zip(roles, pool.map(accepts, roles), strict=True) if does
        }


def offer(world: World, role: str, routes: Sequence[str]) -> tuple[Change, ...]:
    """`role` passes on packets of others, and offers `routes` beside those that it offers already."""
    forward, now = ip_forward.read(world[role]), prefs.read(world[role])
    wanted = prefs.ordered((*now.advertise_routes, *routes))
    why = f"offer {', '.join(routes)} to the tailnet"
    return (
        *change(role, "ip_forward", forward, ip_forward.on(forward), "pass on packets of others"),
        *change(role, "prefs", now, replace(now, advertise_routes=wanted), why),
    )


def approve(
    world: World, role: str, routes: Sequence[str], why: str = "approve what {} offers"
) -> tuple[Change, ...]:
    """What the machines page calls *Edit route settings*: the tailnet uses `routes` of `role`."""
    if world.tailnet is None:
        return ()
    name = node_name(world, role)
    now = approval.read(world.tailnet, name)
    wanted = replace(now, approved=tuple(sorted({*now.approved, *routes})))
    return change("tailnet", "approval", now, wanted, why.format(name), name=name)


def by_policy(world: World, wish: Params) -> tuple[Change, ...]:
    """The policy approves `routes` by itself, when they are offered by whom it trusts."""
    if world.tailnet is None:
        return ()
    now = policy.read(world.tailnet)
    text = now.text
    for cidr in wish.routes:
        text = policyfile.with_item(text, ("autoApprovers", "routes", cidr), wish.approver)
    why = f"approve these routes of {wish.approver} without asking"
    return change("tailnet", "policy", now, policy.State(text), why)


def names(world: World, wish: Params) -> tuple[Change, ...]:
    """Split DNS: questions about `domain` go to the network's own server, all others where they went."""
    if world.tailnet is None or not (wish.domain and wish.nameserver):
        return ()
    now = dns.read(world.tailnet)
    split = tuple(sorted({*now.split, f"{wish.domain}={wish.nameserver}"}))
    wanted = replace(now, magic_dns=True, split=split)
    return change("tailnet", "dns", now, wanted, f"ask {wish.nameserver} for names in {wish.domain}")


def node_name(world: World, role: str) -> str:
    """The name of `role` in the tailnet, or the one that it will get."""
    return str(login.read(world[role]).hostname) or needs.default_name(role)


def untranslated(world: World, role: str) -> Plan:
    """The router `role` no longer puts its own address on the packets that it carries into the network."""
    if role not in world.machines:
        return Plan(STAGE)
    now = prefs.read(world[role])
    wanted = replace(now, snat_subnet_routes=False)
    return planned(STAGE, change(role, "prefs", now, wanted, "let the network see who it really is"))


def way_back(world: World, router: str, wish: Params, on: str = "db") -> Plan:
    """A line for the VPC's route table: answers to the tailnet go through `router`. In the lab it stands on `on`.

    Nothing where they do already, because the default route leads to the same router.
    """
    if not {router, on} <= set(world.machines):
        return Plan(STAGE)
    via = inside_address(world, router, wish)
    if route.next_hop(world[on], str(login.read(world[router]).address)) == via:
        return Plan(STAGE)
    now = route.read(world[on], TAILNET)
    why = f"send answers to the tailnet through {router}"
    return planned(STAGE, change(on, "route", now, route.State(TAILNET, via), why, name=TAILNET))


def other_range(world: World, role: str, wish: Params, site: int = SITE) -> Plan:
    """The 4via6 remedy: `role` offers its network as an IPv6 one, by the number of its site."""
    if role not in world.machines:
        return Plan(STAGE)
    routes = [subnets.via(site, wish.routes[0])]
    return planned(STAGE, offer(world, role, routes), approve(world, role, routes))


def inside_address(world: World, router: str, wish: Params) -> str:
    """The address that `router` has towards the network, by which machines there know it.

    Raises:
        HomelabError: it has no way there.
    """
    target = wish.database or str(subnets.network(wish.routes[0])[1])
    found = route.source(world[router], target)
    if not found:
        raise HomelabError(
            f"it has no way to {target}", router, "a router stands in what it offers, or next to it"
        )
    return found


def carrying(world: World, wish: Params) -> str:
    """The role of the router that carries the first route now, as the first client sees it; empty where none does."""
    client = seat(world, wish.clients[0]) if wish.clients else None
    if client is None or isinstance(client, Nobody):
        return ""
    name = carrier(client, wish.routes[0])
    return next((r for r in _here(world, wish.routers) if name and node_name(world, r) == name), "")


def led_there(world: World, wish: Params) -> bool:
    """Whether a router carries a network with the database in it already, as the first client sees it."""
    client = seat(world, wish.clients[0]) if wish.clients else None
    if client is None or isinstance(client, Nobody) or not wish.database:
        return False
    carried = [r for node in peers(status(client)) for r in node.get("PrimaryRoutes") or []]
    return any(subnets.holds(r, wish.database) for r in carried)


def asker(world: World, wish: Params) -> Machine:
    """The client that asks the database; `Nobody` where there is none, or no database is named."""
    if not wish.clients or not wish.database:
        what = "no client is" if not wish.clients else "no database is"
        return Nobody("a client", f"{what} named in the parameters")
    return seat(world, wish.clients[0])


def open_network(world: World) -> None:
    """Let the lab start the database and the DNS server of its VPC; elsewhere they run, or are not ours."""
    place = seat(world, "db")
    if isinstance(place, LabMachine) and world.applies:
        place.start("database")
        place.start("names")
