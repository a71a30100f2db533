"""The tailnet as its admin sees it: the admin API, through the PyPI package `tailscale`.

That client has its address built in. In the lab we inject a session whose names are resolved,
and whose sockets are made, inside a lab machine: the same code serves a real tailnet.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.machine import Machine, Pending
from homelab.person import Person
from homelab.secret import Secret
from homelab.web.connector import connector

if TYPE_CHECKING:
    from tailscale import Tailscale

Got = TypeVar("Got")


class Tailnet:
    """The admin's view: a place that resources such as `policy` and `dns` read and change."""

    name = "tailnet"
    about = "the tailnet's settings, which the admin panel shows"

    def __init__(
        self,
        key: Secret | str,
        person: Person,
        pending: Pending,
        *,
        seat: LabMachine | None = None,
        ca: str = "",
        here: Machine | None = None,
    ) -> None:
        """`seat` and `ca` are the lab's: from where its API is reached, and whom to trust. `here` is a home's: this machine."""
        self.here = here
        self._key, self.person, self.pending, self._seat, self._ca = key, person, pending, seat, ca
        self._loop = asyncio.new_event_loop()
        # Jupyter's own loop runs already, and a second one in its thread is refused.
        threading.Thread(target=self._loop.run_forever, daemon=True, name="tailnet").start()

    def call(self, ask: Callable[[Tailscale], Awaitable[Got]]) -> Got:
        """The answer of one call, such as ``tailnet.call(lambda ts: ts.devices())``.

        Raises:
            HomelabError: the API refuses, or cannot be reached.
        """
        return asyncio.run_coroutine_threadsafe(self._call(ask), self._loop).result()

    def close(self) -> None:
        """Stop the thread that speaks to the API."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _call(self, ask: Callable[[Tailscale], Awaitable[Got]]) -> Got:
        # Half a second of imports that a kernel need not pay before its first admin call.
        from tailscale import Tailscale
        from tailscale.exceptions import TailscaleConnectionError, TailscaleError

        key = self._key.reveal() if isinstance(self._key, Secret) else self._key
        way = connector(self._seat, self._ca) if self._seat else None
        async with aiohttp.ClientSession(connector=way) as session:
            try:
                return await ask(Tailscale(api_key=key, session=session))
            except TailscaleConnectionError as error:
                raise HomelabError(
                    f"the admin API cannot be reached: {error}",
                    self.name,
                    "is the network up, and the service?",
                ) from error
            except TailscaleError as error:
                hint = (
                    "is the API key right, and not expired?" if "nauthorized" in type(error).__name__ else ""
                )
                said = "; ".join(str(a) for a in error.args) or type(error).__name__
                raise HomelabError(f"the admin API refuses: {said}", self.name, hint) from error
