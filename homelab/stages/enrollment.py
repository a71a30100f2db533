"""03, enrollment: install the client, log machines in, name the tailnet, edit its policy, join a container."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator

from homelab import needs
from homelab.params import Strict, is_https, spelled
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.policy import policyfile
from homelab.resources import auth_key, device, dns, login, policy, sidecar
from homelab.secret import Secret
from homelab.stages import wires

if TYPE_CHECKING:
    from homelab.world import World

STAGE = "03_enrollment"
DEMO = "demoserver"
# Who comes into the tailnet in this chapter, and how the client gets there if it is missing.
ROLES = {DEMO: "script", "fooocus": "apt", "tequila": "script", "phone": "script"}
CONTAINER, CONTAINER_TAG = "container", "tag:container"
OWN_CONTROL = "https://headscale.lab"  # the lab's control plane under a name of one's own
NO_KEY = "The policy, the DNS page and auth keys need an admin API key (api_key in the params file): left as they are."
LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
Tag = Annotated[str, spelled(r"^tag:[a-zA-Z][a-zA-Z0-9-]{0,49}\Z", "must be a tag such as tag:server")]


class Params(Strict):
    """`hostname` and `tags` are the demo server's, or those of a home's only machine.

    `auth_key` (a reference) lets machines join without a person; `login_server` overrides the
    world's; `nameservers` are the tailnet's global ones (empty: left as they are).
    """

    hostname: str = DEMO
    tags: list[Tag] = Field(default_factory=list, max_length=10)
    auth_key: Secret | None = None
    login_server: str = ""
    https: bool = True
    nameservers: list[str] = Field(default_factory=list, max_length=6)
    hard_nat: bool = True
    key_expiry: bool = True
    sharing: bool = True
    own_control: bool = True

    @field_validator("hostname")
    @classmethod
    def _is_label(cls, value: str) -> str:
        if not LABEL.match(value):
            raise ValueError("must be a DNS label: a to z, 0 to 9, dashes inside, at most 63 characters")
        return value

    @field_validator("login_server")
    @classmethod
    def _is_server(cls, value: str) -> str:
        return is_https(value) if value else value

    @field_validator("nameservers")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                ip_address(text)
            except ValueError as error:
                raise ValueError(f"{text!r} is not an IP address of a nameserver") from error
        return value


def members(world: World, wish: Params) -> dict[str, str]:
    """The machines of this world that this chapter enrols, by role, with the names they get.

    A machine is called like its role. `hostname` renames the demo server; a home without one
    has its first machine called so, if the name was chosen at all.
    """
    names = {r: needs.default_name(r) for r in ROLES if r in world.machines}
    if DEMO in names:
        names[DEMO] = wish.hostname
    elif names and wish.hostname != DEMO:
        names[next(iter(names))] = wish.hostname
    return names


def plan(world: World, wish: Params) -> Plan:
    """All that this chapter wants to last: clients, logins, HTTPS and nameservers, owners for the tags."""
    key = str(wish.auth_key) if wish.auth_key else ""
    changes: list[Change] = [*tag_owners(world, wish.tags)]
    notes = [] if world.tailnet else [NO_KEY]
    for role, hostname in members(world, wish).items():
        now = login.read(world[role])
        if now.node == login.RUNNING:
            if now.hostname != hostname:
                notes.append(f"{role} runs already, as {now.hostname!r}: left as it is.")
            continue
        tags = tuple(wish.tags) if hostname == wish.hostname else ()
        need = needs.joined(role, hostname, tags, wish.login_server, key, ROLES[role])
        changes += need(world)
    changes += names(world, wish)
    return planned(STAGE, changes, notes=notes)


def names(world: World, wish: Params) -> tuple[Change, ...]:
    """The DNS page: MagicDNS, HTTPS certificates if wished, nameservers if some are given."""
    if world.tailnet is None:
        return ()
    now = dns.read(world.tailnet)
    servers = tuple(wish.nameservers) or now.nameservers
    wanted = dns.State(True, now.https or wish.https, servers, now.split)
    return change("tailnet", "dns", now, wanted, "names and certificates for every device")


def tag_owners(world: World, tags: list[str]) -> tuple[Change, ...]:
    """The policy says who may hand out `tags`; a tag without an owner cannot be used."""
    return needs.owned(*tags)(world) if tags else ()


def host_name(world: World, name: str, address: str) -> Plan:
    """An edit of the policy that changes nobody's access: a name for an address, for rules to use."""
    if world.tailnet is None:
        return Plan(STAGE, notes=(NO_KEY,))
    now = policy.read(world.tailnet)
    text = policyfile.with_key(now.text, "hosts", name, address)
    edit = change("tailnet", "policy", now, policy.State(text), f"call {address} {name}")
    return planned(STAGE, edit)


def container(world: World, role: str = "tequila") -> Plan:
    """A key for one container (its tag owned first), and the node that joins by it on `role`."""
    if world.tailnet is None:
        return Plan(STAGE, notes=(NO_KEY,))
    file = key_file(world)
    name = f"homelab {CONTAINER}"
    key = auth_key.State(True, name, (CONTAINER_TAG,), ephemeral=True, file=str(file))
    joins = sidecar.State(login.RUNNING, CONTAINER, (CONTAINER_TAG,), world.login_server, key=f"file:{file}")
    return planned(
        STAGE,
        tag_owners(world, [CONTAINER_TAG]),
        change("tailnet", "auth_key", auth_key.read(world.tailnet, name), key, "a key for one container", name=name),
        change(role, "sidecar", sidecar.read(world[role], CONTAINER), joins, "a container joins by it", name=CONTAINER),
    )  # fmt: skip


def key_file(world: World) -> Path:
    """Where the container's auth key is kept until it is used: beside the journal, for you alone."""
    return world.journal.path.parent / "keys" / CONTAINER


def harder_nat(world: World, role: str = "flat_router", network: str = "internet") -> Plan:
    """The router of the flat takes a new port for every destination: the NAT that cannot be punched.

    Where it does so already, as when a cell runs twice, the way back is known all the same.
    """
    made = wires.turned(world, role, network, nat="symmetric")
    if made or made.notes:
        return made
    back = wires.turned(world, role, network, nat="cone")
    return Plan(back.stage, tuple(replace(c.inverse(), why="make the NAT symmetric") for c in back))


def expiry(world: World, hostname: str) -> Plan:
    """The admin ends the login of the device `hostname`, as time does after 180 days."""
    if world.tailnet is None:
        return Plan(STAGE, notes=(NO_KEY,))
    now = device.read(world.tailnet, hostname)
    over = device.State(True, True, now.ever, now.tags)
    made = change(
        "tailnet", "device", now, over, f"expire the key of {hostname}", name=hostname, loses=device.RENEW
    )
    return planned(STAGE, made if now.there else ())


def renewal(world: World, role: str, hostname: str) -> Plan:
    """A fresh login of a node that needs one: the same node, the same address."""
    now = login.read(world[role])
    again = login.wanted(hostname, now.tags, now.login_server, again=True)
    return planned(STAGE, change(role, "login", now, again, f"renew the login of {hostname}"))


def other_control(world: World, role: str, hostname: str, server: str = OWN_CONTROL) -> Plan:
    """The same machine, logged in again with the control plane at `server`."""
    now = login.read(world[role])
    moved = login.wanted(hostname, now.tags, server, again=True)
    return planned(STAGE, change(role, "login", now, moved, f"log in with {server}"))
