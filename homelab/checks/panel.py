"""The tailnet as its admin panel shows it, asked by the admin API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.resources import share
from homelab.wait import until

if TYPE_CHECKING:
    from tailscale.models import Device

    from homelab.tailnet import Tailnet

MACHINES = "https://login.tailscale.com/admin/machines"
COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)


def devices(tailnet: Tailnet) -> dict[str, Device]:
    """The devices by their names in the tailnet, in alphabetical order.

    Raises:
        HomelabError: the API refuses.
    """
    found = tailnet.call(lambda ts: ts.devices()).values()
    return {d.name.split(".")[0]: d for d in sorted(found, key=lambda d: d.name)}


@check
def lists(tailnet: Tailnet, *names: str, seconds: float = 5.0) -> Answer:
    """Does the machines page have the devices `names`, and are they connected? Waits up to `seconds`."""
    seen = until(
        lambda: {n: bool(d.connected_to_control) for n, d in devices(tailnet).items()},
        lambda found: all(found.get(n) for n in names),
        f"{', '.join(names)} to be connected",
        seconds,
        where=tailnet.name,
        hint=f"look at {MACHINES}",
    )
    return Answer(
        "lists the devices", tailnet.name, "ok", f"{len(seen)} devices, among them {', '.join(names)}"
    )


@check
def belongs_to(tailnet: Tailnet, name: str, owner: str) -> Answer:
    """Whose is the device `name`? `owner` is a login name, or tags such as ``tag:container``."""
    device = devices(tailnet).get(name)
    seen = "not there" if device is None else ", ".join(device.tags) or str(device.user)
    return Answer(
        f"{name} belongs to {owner}", tailnet.name, "ok" if seen == owner else "fail", f"{name}: {seen}"
    )


@check
def shared_with(tailnet: Tailnet, name: str, guest: str) -> Answer:
    """Has `guest` (an e-mail address) accepted the device `name`, which was shared with them?"""
    seen = share.read(tailnet, f"{name} {guest}")
    status = "ok" if seen.accepted else "fail"
    said = "accepted" if seen.accepted else "invited, not accepted yet" if seen.offered else "not invited"
    return Answer(f"{name} is shared with {guest}", tailnet.name, status, f"{guest}: {said}")


@check
def keeps_comments(tailnet: Tailnet, before: str) -> Answer:
    """Has the policy every comment line that the text `before` has, in the same order?"""
    now = COMMENT.findall(tailnet.call(lambda ts: ts.policy_file()).policy)
    rest = iter(now)
    old = COMMENT.findall(before)
    kept = sum(1 for line in old if line in rest)
    status = "ok" if kept == len(old) else "fail"
    return Answer(
        "the policy keeps its comments", tailnet.name, status, f"{kept} of {len(old)} comment lines are there"
    )


@check
def has_policy(tailnet: Tailnet, text: str) -> Answer:
    """Is the policy `text`, to the last character?"""
    now = tailnet.call(lambda ts: ts.policy_file()).policy
    good = now == text
    evidence = f"{len(now)} characters, {'the same' if good else 'other ones'}"
    return Answer("the policy is the same text", tailnet.name, "ok" if good else "fail", evidence)


@check
def gives_names(tailnet: Tailnet, certificates: bool = True) -> Answer:
    """Is MagicDNS on, and with `certificates` HTTPS as well?"""
    magic = tailnet.call(lambda ts: ts.dns_preferences()).magic_dns
    https = tailnet.call(lambda ts: ts.tailnet_settings()).https_enabled
    evidence = f"MagicDNS {'on' if magic else 'off'}, HTTPS {'on' if https else 'off'}"
    hint = "switch it on at https://login.tailscale.com/admin/dns"
    good = magic and (https or not certificates)
    return Answer(
        "gives names and certificates" if certificates else "gives names",
        tailnet.name,
        "ok" if good else "fail",
        evidence,
        hint,
    )
