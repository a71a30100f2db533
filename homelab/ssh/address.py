"""How a machine of a home is reached: ``local``, ``ssh://[user@]host[:port]`` or ``tailscale://[user@]node``."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Neither may begin with a dash: ssh would take it for an option.
_USER = r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?"
_SSH = re.compile(
    rf"ssh://{_USER}(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\])(?::(?P<port>[0-9]{{1,5}}))?/?"
)
_TAILSCALE = re.compile(rf"tailscale://{_USER}(?P<host>[A-Za-z0-9][A-Za-z0-9.:-]*)/?")
WAYS = "local, ssh://user@host, ssh://user@host:2222, or tailscale://user@node"


@dataclass(frozen=True)
class Address:
    """`way` is local, ssh or tailscale; an empty `user` and a `port` of 0 are left to the reader's ssh configuration."""

    way: str
    host: str = ""
    user: str = ""
    port: int = 0

    @property
    def destination(self) -> str:
        """What ssh is given: ``user@host``."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def __str__(self) -> str:
        if self.way == "local":
            return self.way
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.way}://{self.user and self.user + '@'}{host}{(self.port and f':{self.port}') or ''}"


def parse(text: str) -> Address:
    """The address in `text`.

    Raises:
        ValueError: it is none; says what there is.
    """
    if text == "local":
        return Address("local")
    if found := _SSH.fullmatch(text):
        port = int(found["port"] or 0)
        if port > 65535:
            raise ValueError(f"must be {WAYS}; there is no port {port}")
        return Address("ssh", found["host"].strip("[]"), found["user"] or "", port)
    if found := _TAILSCALE.fullmatch(text):
        return Address("tailscale", found["host"], found["user"] or "")
    raise ValueError(f"must be {WAYS}")
