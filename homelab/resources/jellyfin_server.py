"""A Jellyfin server's first-run wizard: its name, and the first user, who is its admin.

Its way back would be to forget everybody: it has none.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from homelab.clients.jellyfin import JellyfinError, seen_from
from homelab.errors import PrerequisiteMissing
from homelab.machine import Machine
from homelab.resources.jellyfin_api import Door, line
from homelab.secret import Secret

CULTURE = {"UICulture": "en-US", "MetadataCountryCode": "US", "PreferredMetadataLanguage": "en"}
NO_WAY_BACK = "the wizard runs once; its users are in the config folder"


@dataclass(frozen=True)
class State:
    """`set_up`: the wizard has been walked through. `user` becomes the admin; `password` is a reference."""

    set_up: bool
    server_name: str = field(default="", compare=False)
    user: str = field(default="", compare=False)
    password: str = field(default="", compare=False, metadata={"show": False})
    port: int = field(default=8096, compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Ask it what it tells anybody; a server that does not answer is not set up. `name` is a `Door`."""
    door = Door.parse(name)
    try:
        found = seen_from(machine, door.url).info()
    except JellyfinError:
        return State(False, port=door.port)
    return State(found.wizard_done, found.name, port=door.port)


def irreversible(before: State, after: State) -> bool:
    """The wizard does not run twice."""
    return True


def command(before: State, after: State) -> list[str]:
    """The wizard's five steps by curl; the password is taken from the environment."""
    door = Door(after.port, after.user, after.password)
    user = f'"{{\\"Name\\": \\"{after.user}\\", \\"Password\\": \\"$JELLYFIN_PASSWORD\\"}}"'
    steps = [
        line(door, "/Startup/Configuration", {"ServerName": after.server_name, **CULTURE}, token=False),
        line(door, "/Startup/User", method="GET", token=False),
        line(door, "/Startup/User", user, token=False),
        line(
            door,
            "/Startup/RemoteAccess",
            {"EnableRemoteAccess": True, "EnableAutomaticPortMapping": False},
            token=False,
        ),
        line(door, "/Startup/Complete", token=False),
    ]
    return ["sh", "-c", " &&\n".join(steps)]


def do(machine: Machine, before: State, after: State) -> None:
    """The same through our client, once the server is ready; a password file that is not there is made first.

    Raises:
        JellyfinError: the server refuses a step, or the password that an earlier walk has set.
        WaitTimeout: it does not get ready.
    """
    door = Door(after.port, after.user, after.password)
    fresh = _made_if_missing(after.password)
    found = seen_from(machine, door.url)
    found.wait()
    found.wizard(after.user, fresh, after.server_name)
    seen_from(machine, door.url, door.account)


def _made_if_missing(reference: str) -> str:
    """The password behind `reference`; a file that is not there is written, for you alone."""
    secret = Secret.parse(reference)
    path = Path(secret.name).expanduser()
    if secret.kind == "file" and not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(12) + "\n")
        except OSError as error:
            raise PrerequisiteMissing(f"the password cannot be kept: {error.strerror}", str(path)) from error
    return secret.reveal()
