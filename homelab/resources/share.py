"""One device of the tailnet shared with somebody outside, by an invitation.

The owner makes a link, the guest opens it and signs in to a tailnet of their own; then the device is
among theirs. The API makes links and withdraws them. Who has accepted keeps the device until the owner
takes it back on the machines page, for which there is no request.

Source: https://tailscale.com/api, "device invites"; https://tailscale.com/kb/1084/sharing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from homelab.errors import HomelabError
from homelab.resources import device
from homelab.resources.admin_api import curl, line

if TYPE_CHECKING:
    from tailscale import Tailscale
    from tailscale.models import DeviceInvite

    from homelab.tailnet import Tailnet

MACHINES = "https://login.tailscale.com/admin/machines"


@dataclass(frozen=True)
class State:
    """Whether the device called `device` is `offered` to `guest` (an e-mail address), and already `accepted`.

    That somebody accepts is not in our hands, so it is no part of what is wanted.
    """

    device: str
    guest: str
    offered: bool = False
    accepted: bool = field(default=False, compare=False)
    id: str = field(default="", compare=False, metadata={"show": False})
    invites: tuple[str, ...] = field(default=(), compare=False, metadata={"show": False})


def read(tailnet: Tailnet, name: str) -> State:
    """By the admin API; `name` is the device's name and the guest's e-mail address: ``tequila bob@example.com``."""
    label, _, guest = name.partition(" ")
    found = device.read(tailnet, label)
    if not found.there:
        return State(label, guest)
    every = tailnet.call(lambda ts: ts.device_invites(found.id))
    theirs = [i for i in every if guest in (i.email, i.accepted_by and i.accepted_by.login_name)]
    accepted = any(i.accepted for i in theirs)
    return State(label, guest, bool(theirs), accepted, found.id, tuple(i.invite_id for i in theirs))


def command(before: State, after: State) -> list[str]:
    """The admin API by curl; what a person has to click stands beside it."""
    if after.offered:
        body = json.dumps([{"multiUse": False, "email": after.guest}])
        ask = line(curl(f"device/{before.id or 'DEVICE_ID'}/device-invites", "POST", body))
        return ["sh", "-c", f"{ask}\n# {after.guest} opens the inviteUrl of the answer, and accepts"]
    may_have_it = before.accepted or not before.invites  # a plan does not know who will accept
    first = [f"# on {MACHINES}: {before.device}, Share…, remove {before.guest}"] if may_have_it else []
    ids = before.invites or ("INVITE_ID",)
    return ["sh", "-c", "\n".join([*first, *(line(curl(f"device-invites/{i}", "DELETE")) for i in ids)])]


def do(tailnet: Tailnet, before: State, after: State) -> None:
    """The same requests through the client library; the guest of this world accepts, the owner takes back.

    Raises:
        HomelabError: there is no such device, or a page or the API refuses.
    """
    if not before.id:
        raise HomelabError(
            f"the tailnet has no device {before.device!r} to share", tailnet.name, "log it in first"
        )
    if after.offered:
        made = tailnet.call(lambda ts: ts.create_device_invite(before.id, email=after.guest))
        tailnet.person.other(after.guest).accept(_link(made))
        return
    if before.accepted:
        tailnet.person.take_back(MACHINES, before.device, before.id, before.guest)
    for invite in before.invites:
        tailnet.call(partial(_withdraw, invite))


async def _withdraw(invite: str, ts: Tailscale) -> None:
    await ts.delete_device_invite(invite)


def _link(invite: DeviceInvite) -> str:
    if not invite.invite_url:
        raise HomelabError("the invitation has no link", "tailnet", f"share the device on {MACHINES}")
    return invite.invite_url
