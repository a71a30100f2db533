"""Who paints pictures from words, by HTTP: Fooocus itself, or the server Fooocus-API; the same two calls for both.

``find(machine, url)`` looks which of them answers there. Both are asked as they are at home; no reply is made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from homelab import web
from homelab.errors import HomelabError
from homelab.imaging import fooocus, fooocus_api
from homelab.imaging.wish import Wish

if TYPE_CHECKING:
    from homelab.machine import Machine

PATIENCE = 900.0  # seconds for one picture: the first one waits for gigabytes of weights to be read


class Painter(Protocol):
    """A server that paints."""

    name: str
    url: str

    def paint(self, wish: Wish, seconds: float = PATIENCE) -> bytes:
        """One picture, as the file that the server made.

        Raises:
            HomelabError: it refuses the wish, or ends without a picture.
            NoAnswer: nobody answers, or not within `seconds`.
        """
        ...


def find(machine: Machine, url: str) -> Painter:
    """The painter at `url`, as `machine` reaches it: Fooocus is on port 7865, Fooocus-API on 8888.

    Raises:
        NoAnswer: nobody answers there.
        HomelabError: somebody answers who is neither.
    """
    session, address = web.session(machine), url.rstrip("/")
    for kind in (fooocus.Fooocus, fooocus_api.FooocusApi):
        if found := kind.at(session, address):
            return found
    raise HomelabError(
        f"{address} is neither Fooocus nor Fooocus-API",
        machine.name,
        "Fooocus: http://HOST:7865, started with --listen; Fooocus-API: http://HOST:8888",
    )
