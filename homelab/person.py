"""The person who must click or approve: played by the world in the lab, the reader at home."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from homelab.record import Showing, show

URL = re.compile(r"https://[^\s\"'<>]+")


class Person(Protocol):
    """Who sits at the machines of this world."""

    name: str
    email: str

    def sign_in(self, url: str) -> None:
        """Open the login page at `url` and connect the device."""
        ...

    def other(self, email: str) -> Person:
        """Somebody else, who has, or is about to have, a tailnet of their own."""
        ...

    def accept(self, url: str) -> None:
        """Open the invitation at `url`, and accept the device that it shares."""
        ...

    def take_back(self, url: str, device: str, device_id: str, guest: str) -> None:
        """On the machines page at `url`, stop sharing `device` with `guest` (an e-mail address)."""
        ...

    def enable(self, url: str) -> None:
        """Open the page at `url`, which asks whether a feature may be used, and say yes."""
        ...


@dataclass(frozen=True)
class Asked(Showing):
    """What the reader is asked to do while a command waits for it: a run says it on the terminal at once."""

    what: str

    def text(self) -> str:
        """As it is."""
        return self.what

    def html(self) -> str:
        """The same, its address to be clicked."""
        words = URL.sub(r'<a href="\g<0>">\g<0></a>', escape(self.what, quote=False))
        return f'<p style="white-space:pre-wrap">{words}</p>'

    def record(self) -> dict[str, Any]:
        """See `homelab.record`."""
        return {"kind": "asked", "what": self.what}


def _ask(what: str) -> None:
    show(Asked(what))


@dataclass
class Reader:
    """At home the reader clicks: we show the address, and the command waits for the click."""

    name: str = "you"
    email: str = ""
    tell: Callable[[str], None] = _ask

    def sign_in(self, url: str) -> None:
        """Show the address to open."""
        who = f" as {self.email}" if self.email else ""
        self.tell(f"Open this address, and sign in{who}:\n\n    {url}\n")

    def other(self, email: str) -> Reader:
        """The reader has to ask them."""
        return Reader(email, email, self.tell)

    def accept(self, url: str) -> None:
        """Show the link to send."""
        self.tell(f"Send this link to {self.name}, and to nobody else; it is good once:\n\n    {url}\n")

    def take_back(self, url: str, device: str, device_id: str, guest: str) -> None:
        """Show the address to open; there is no request for it."""
        self.tell(f"Open this address, and remove {guest} under {device}, Share…:\n\n    {url}\n")

    def enable(self, url: str) -> None:
        """Show the address to open."""
        self.tell(f"Open this address as an admin of the tailnet, and press the button:\n\n    {url}\n")
