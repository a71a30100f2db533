"""The person who must click or approve: played by the world in the lab, the reader at home."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

URL = re.compile(r"https://[^\s\"'<>]+")


class Person(Protocol):
    """Who sits at the machines of this world."""

    name: str
    email: str

    def sign_in(self, url: str) -> None:
        """Open the login page at `url` and connect the device."""
        ...

    def enable(self, url: str) -> None:
        """Open the page at `url`, which asks whether a feature may be used, and say yes."""
        ...


@dataclass
class Reader:
    """At home the reader clicks: we show the address, and the command waits for the click."""

    name: str = "you"
    email: str = ""
    tell: Callable[[str], None] = print

    def sign_in(self, url: str) -> None:
        """Show the address to open."""
        self.tell(f"Open this address, and sign in:\n\n    {url}\n")

    def enable(self, url: str) -> None:
        """Show the address to open."""
        self.tell(f"Open this address as an admin of the tailnet, and press the button:\n\n    {url}\n")
