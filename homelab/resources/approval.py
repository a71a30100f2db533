"""Which of the routes that a device offers the tailnet uses: approved on the machines page, or by the policy.

An exit node offers ``0.0.0.0/0`` and ``::/0``, a subnet router the networks behind it. What a node
offers is its own business (`homelab.resources.prefs`); what counts is what was approved.

Source: https://tailscale.com/api, "list device routes" and "set device routes".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from homelab.errors import HomelabError
from homelab.resources import device
from homelab.resources.admin_api import curl, line
from homelab.wait import until

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

OFFER = 5.0  # seconds until what a node was told has come to the control plane


@dataclass(frozen=True)
class State:
    """The `approved` routes of a device, as sorted CIDRs; `offered` are those that it advertises now."""

    approved: tuple[str, ...] = ()
    offered: tuple[str, ...] = field(default=(), compare=False, metadata={"show": False})
    id: str = field(default="", compare=False, metadata={"show": False})


def read(tailnet: Tailnet, name: str) -> State:
    """By the admin API; `name` is the device's name in the tailnet, such as ``tequila``. Nothing where it is unknown."""
    found = device.read(tailnet, name)
    if not found.there:
        return State()
    routes = tailnet.call(lambda ts: ts.device_routes(found.id))
    offered = set(routes.advertised_routes)
    used = offered.intersection(
        routes.enabled_routes
    )  # what was approved and is offered no more does nothing
    return State(tuple(sorted(used)), tuple(sorted(offered)), found.id)


def command(before: State, after: State) -> list[str]:
    """The admin API by curl."""
    body = json.dumps({"routes": list(after.approved)})
    return ["sh", "-c", line(curl(f"device/{before.id or 'DEVICE_ID'}/routes", "POST", body))]


def do(tailnet: Tailnet, before: State, after: State) -> None:
    """The same request through the client library, once the device has made its offer.

    Raises:
        HomelabError: the API refuses, or there is no such device yet.
        WaitTimeout: the device does not offer a route that is to be approved.
    """
    if not before.id:
        raise HomelabError(
            "the tailnet has no such device, so nothing can be approved", "tailnet", "is it logged in?"
        )
    fresh = set(after.approved) - set(before.approved)
    until(
        lambda: tailnet.call(lambda ts: ts.device_routes(before.id)).advertised_routes,
        fresh.issubset,
        f"the device to offer {', '.join(sorted(fresh))}",
        OFFER,
        hint="`tailscale set --advertise-routes=…` or `--advertise-exit-node` on that machine comes first",
        where="tailnet",
    )
    tailnet.call(lambda ts: ts.set_device_routes(before.id, routes=list(after.approved)))
