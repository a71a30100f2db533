"""A device as the admin panel's machines page has it: its tags, and whether its key still holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.resources.admin_api import curl, line

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

RENEW = "only a login on the device itself renews its key"


@dataclass(frozen=True)
class State:
    """Whether the tailnet has the device; `expired`: it must log in again; `ever`: its key needs no renewal."""

    there: bool
    expired: bool = False
    ever: bool = False
    tags: tuple[str, ...] = ()
    id: str = field(default="", compare=False, metadata={"show": False})


def read(tailnet: Tailnet, name: str) -> State:
    """By the admin API; `name` is the device's name in the tailnet, such as ``phone``."""
    for device in tailnet.call(lambda ts: ts.devices()).values():
        if device.name.split(".")[0] == name:
            ever = bool(device.key_expiry_disabled)
            over = device.expires is not None and device.expires <= datetime.now(UTC)
            return State(True, over and not ever, ever, tuple(sorted(device.tags)), device.node_id)
    return State(False)


def irreversible(before: State, after: State) -> bool:
    """An ended login and a removed device come back only from the device's side."""
    return (after.expired and not before.expired) or (before.there and not after.there)


def command(before: State, after: State) -> list[str]:
    """The admin API by curl; where only the device itself can do it, the device's own command."""
    if before.expired and not after.expired and after.there:
        return ["sudo", "tailscale", "up", "--force-reauth"]
    lines = [line(curl(path, method, body)) for path, method, body in _requests(before, after)]
    return ["sh", "-c", " &&\n".join(lines)]


def _requests(before: State, after: State) -> list[tuple[str, str, str]]:
    at = f"device/{before.id or 'DEVICE_ID'}"
    if not after.there:
        return [(at, "DELETE", "")]
    found: list[tuple[str, str, Any]] = []
    if after.expired and not before.expired:
        found.append((f"{at}/expire", "POST", ""))
    if after.ever != before.ever:
        found.append((f"{at}/key", "POST", {"keyExpiryDisabled": after.ever}))
    if after.tags != before.tags:
        found.append((f"{at}/tags", "POST", {"tags": list(after.tags)}))
    return [(path, method, json.dumps(body) if body else "") for path, method, body in found]


def do(tailnet: Tailnet, before: State, after: State) -> None:
    """The same requests through the client library.

    Raises:
        HomelabError: the API refuses, or it is the device that must do this.
    """
    if after.there and not before.there:
        raise HomelabError("a device comes to the tailnet by logging in", "tailnet", "tailscale up")
    if before.expired and not after.expired and after.there:
        raise HomelabError(RENEW, "tailnet", "tailscale up --force-reauth")
    if not after.there:
        tailnet.call(lambda ts: ts.delete_device(before.id))
        return
    if after.expired and not before.expired:
        tailnet.call(lambda ts: ts.expire_device_key(before.id))
    if after.ever != before.ever:
        tailnet.call(lambda ts: ts.set_device_key_expiry(before.id, key_expiry_disabled=after.ever))
    if after.tags != before.tags:
        tailnet.call(lambda ts: ts.set_device_tags(before.id, tags=list(after.tags)))
