"""What a stage needs of the world: a wanted state on a machine, as the changes that are missing.

A need is a function of the world. A plan puts the missing changes of its needs first, so every
stage runs alone, and adds nothing where an earlier one has been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from homelab import moment
from homelab.plan import Change, change
from homelab.policy import policyfile
from homelab.resources import client, dns, login, policy
from homelab.resources import engine as docker
from homelab.resources.tailscale_status import ABSENT

if TYPE_CHECKING:
    from homelab.world import World

Need = Callable[["World"], tuple[Change, ...]]


def missing(world: World, needs: Sequence[Need]) -> tuple[Change, ...]:
    """The changes that are missing for `needs`, in their order, each once."""
    found: dict[tuple[str, str, str], Change] = {}
    moment.ahead(world, (partial(need, world) for need in needs))
    for need in needs:
        for wanted in need(world):
            found.setdefault((wanted.machine, wanted.resource, wanted.name), wanted)
    return tuple(found.values())


def installed(role: str, way: str = "script") -> Need:
    """The Tailscale client on `role`, by the install script or by apt lines (`way`: script, apt)."""

    def need(world: World) -> tuple[Change, ...]:
        now = client.read(world[role])
        how = {"script": "the install script", "apt": "apt"}[way]
        return change(role, "client", now, client.State(True, way), f"install Tailscale by {how}")

    return need


def joined(
    role: str,
    hostname: str = "",
    tags: Sequence[str] = (),
    login_server: str = "",
    key: str = "",
    way: str = "script",
) -> Need:
    """`role` logged in to the tailnet, with the client that this takes.

    A node that runs already is left as it is, under whatever name, and one that is merely
    disconnected comes back as it was. `hostname` is the role's name by
    default, `login_server` the world's; `key` is a reference to an auth key, else a person signs in.
    """

    def need(world: World) -> tuple[Change, ...]:
        now = login.read(world[role])
        if now.node == login.RUNNING:
            return ()
        if now.node == login.STOPPED:
            return change(
                role, "login", now, replace(now, node=login.RUNNING), "connect to the tailnet again"
            )
        first: tuple[Change, ...] = ()
        found = now
        if now.node == ABSENT:
            first = installed(role, way)(world)
            now = login.State(login.NEEDS_LOGIN)
        name = hostname or default_name(role)
        wanted = login.wanted(name, tuple(tags), login_server or world.login_server, key)
        return (*first, *change(role, "login", now, wanted, f"log in to the tailnet as {name}", found))

    return need


def engine(role: str) -> Need:
    """Docker on `role`: installed, running, and the user in its group."""

    def need(world: World) -> tuple[Change, ...]:
        now = docker.read(world[role])
        parts = {
            "install Docker": not now.installed,
            "start Docker": not now.running,
            "let the user talk to it without sudo": not now.in_group,
        }
        why = ", ".join(what for what, missing in parts.items() if missing)
        return change(role, "engine", now, replace(now, installed=True, running=True, in_group=True), why)

    return need


def certificates(world: World) -> tuple[Change, ...]:
    """The tailnet gives names and certificates (a need); nothing where there is no admin API."""
    if world.tailnet is None:
        return ()
    now = dns.read(world.tailnet)
    return change("tailnet", "dns", now, replace(now, magic_dns=True, https=True), "names and certificates for every device")  # fmt: skip


def owned(*tags: str, owner: str = "autogroup:admin") -> Need:
    """The policy says who may hand out `tags`: whoever owns one already keeps it."""

    def need(world: World) -> tuple[Change, ...]:
        if world.tailnet is None:
            return ()
        now = policy.read(world.tailnet)
        text = now.text
        for tag in [t for t in tags if t not in policyfile.data(now.text).get("tagOwners", {})]:
            text = policyfile.with_key(text, "tagOwners", tag, [owner])
        return change("tailnet", "policy", now, policy.State(text), f"say who owns {', '.join(tags)}")

    return need


def default_name(role: str) -> str:
    """The name in the tailnet of the machine that plays `role`: ``home_router`` is ``home-router``."""
    return role.replace("_", "-")
