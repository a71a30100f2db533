"""An auth key of the tailnet: it lets machines join without a person. One for each description.

The secret is told once, when the key is made. It goes into a file that only you can read, and from
there on it is a reference: ``file:PATH``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.resources.admin_api import curl, line
from homelab.secret import conceal

if TYPE_CHECKING:
    from tailscale.models import TailscaleKey

    from homelab.tailnet import Tailnet

DAY = 86_400  # seconds that a key may be used for


@dataclass(frozen=True)
class State:
    """Whether a usable key of this `description` exists, and what it lets join.

    `file` is where the secret goes; `id` names the key to the API.
    """

    usable: bool
    description: str
    tags: tuple[str, ...] = ()
    reusable: bool = False
    ephemeral: bool = False
    file: str = field(default="", compare=False, metadata={"show": False})
    id: str = field(default="", compare=False, metadata={"show": False})


def read(tailnet: Tailnet, name: str) -> State:
    """By the admin API: the first key called `name` that is neither used up, nor revoked, nor too old."""
    for key in sorted(tailnet.call(lambda ts: ts.keys()), key=lambda k: k.key_id):
        if key.description == name and key.key_type in (None, "auth") and _usable(key):
            allows = key.capabilities.devices.create
            return State(True, name, tuple(allows.tags), allows.reusable, allows.ephemeral, id=key.key_id)
    return State(False, name)


def _usable(key: TailscaleKey) -> bool:
    old = key.expires is not None and key.expires <= datetime.now(UTC)
    return not (key.invalid or key.revoked or old)


def command(before: State, after: State) -> list[str]:
    """The admin API by curl; the secret goes straight into a file."""
    if not after.usable:
        argv = curl(f"tailnet/-/keys/{before.id or 'KEY_ID'}", "DELETE")
        return ["sh", "-c", line(argv)]
    made = line(curl("tailnet/-/keys", "POST", json.dumps(_body(after))))
    return ["sh", "-c", f"umask 077; {made} | jq -r .key > auth-key"]


def _body(state: State) -> dict[str, Any]:
    create = {
        "reusable": state.reusable,
        "ephemeral": state.ephemeral,
        "preauthorized": True,
        "tags": list(state.tags),
    }
    return {
        "keyType": "auth",
        "description": state.description,
        "expirySeconds": DAY,
        "capabilities": {"devices": {"create": create}},
    }


def do(tailnet: Tailnet, before: State, after: State) -> None:
    """The same request through the client library; the secret is written to `after.file`, mode 0600.

    Raises:
        HomelabError: the API refuses (a tag that nobody owns, for example), or the file cannot be written.
    """
    if not after.usable:
        found = read(tailnet, before.description)
        if found.usable:
            tailnet.call(lambda ts: ts.delete_key(found.id))
        return
    if before.usable:  # one key of that name, or nobody knows which is meant
        tailnet.call(lambda ts: ts.delete_key(before.id))
    made = tailnet.call(
        lambda ts: ts.create_key(
            description=after.description,
            expiry_seconds=DAY,
            reusable=after.reusable,
            ephemeral=after.ephemeral,
            preauthorized=True,
            tags=list(after.tags),
        )
    )
    conceal(made.key)
    try:
        keep(Path(after.file), made.key)
    except OSError as error:
        tailnet.call(lambda ts: ts.delete_key(made.key_id))  # nobody has its secret: it is of no use
        raise HomelabError(f"the key cannot be kept: {error.strerror}", after.file) from error


def keep(path: Path, secret: str) -> None:
    """Put `secret` into the file at `path`, for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret + "\n")
    new.replace(path)
