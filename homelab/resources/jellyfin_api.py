"""What the resources on a Jellyfin server share: where it is and who asks, and the API by curl, as one would type it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from homelab.clients.jellyfin_data import Account

SAYS = 'Client="curl", Device="terminal", DeviceId="terminal", Version="1"'


@dataclass(frozen=True)
class Door:
    """A server on a machine: its `port` there, and the admin who asks (`password` is a reference)."""

    port: int
    user: str
    password: str

    def __str__(self) -> str:
        return f"{self.port} {self.user} {self.password}"

    @classmethod
    def parse(cls, name: str) -> Door:
        """The door in the name of a resource; what follows it is the resource's own."""
        port, user, password, *_ = name.split(" ", 3)
        return cls(int(port), user, password)

    @property
    def url(self) -> str:
        """The server as the machine itself sees it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def account(self) -> Account:
        """Who logs in."""
        return Account(self.user, self.password)


def login_line(door: Door) -> str:
    """A line for the shell that logs in and keeps the token; the password is taken from the environment."""
    body = f'"{{\\"Username\\": \\"{door.user}\\", \\"Pw\\": \\"$JELLYFIN_PASSWORD\\"}}"'
    return (
        f"TOKEN=$(curl -fsS -H 'Authorization: MediaBrowser {SAYS}' -H 'Content-Type: application/json' "
        f'-d {body} {door.url}/Users/AuthenticateByName | sed \'s/.*"AccessToken":"\\([^"]*\\)".*/\\1/\')'
    )


def line(door: Door, path: str, body: Any = None, method: str = "POST", token: bool = True) -> str:
    """A call by curl, ready for the shell; with `token` as who logged in by `login_line`."""
    usual = method == ("GET" if body is None else "POST")  # what curl does by itself
    words = "curl -fsS" if usual else f"curl -fsS -X {method}"
    if token:
        words += ' -H "Authorization: MediaBrowser Token=\\"$TOKEN\\""'
    if body is not None:
        words += f" -H 'Content-Type: application/json' -d {body if isinstance(body, str) else shlex.quote(json.dumps(body))}"
    return f"{words} {shlex.quote(door.url + path)}"


def asked(**query: str) -> str:
    """A query string."""
    return "?" + "&".join(f"{key}={quote(value, safe='/')}" for key, value in query.items())
