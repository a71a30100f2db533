"""The tailnet as its admin sees it: the admin API, through the PyPI package `tailscale`.

That client has its address built in. In the lab we inject a session whose names are resolved,
and whose sockets are made, inside a lab machine: the same code serves a real tailnet.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from homelab.admin_refusals import no_answer_of_its, refusal, seconds
from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.machine import Machine, Pending
from homelab.person import Person
from homelab.secret import Secret, mask

if TYPE_CHECKING:
    import aiohttp
    from tailscale import Tailscale

    from homelab.read_only import Guard
    from homelab.ssh.address import Address

Got = TypeVar("Got")
ANSWER = 8.0  # seconds to connect, and between two pieces of an answer
PATIENCE = 30.0  # seconds that we wait in all where it asks us to come back later
PAUSES = (0.5, 1.0, 2.0)  # seconds before a question is asked again that it could not answer


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
        self.reached: tuple[Address, ...] = ()  # how a home's machines are reached
        self._revealed = ""
        self.guard: Guard | None = None  # the world's, which puts it here
        self._key, self.person, self.pending, self._seat, self._ca = key, person, pending, seat, ca
        self._connections: aiohttp.TCPConnector | None = None
        self._loop = asyncio.new_event_loop()
        # Jupyter's own loop runs already, and a second one in its thread is refused.
        threading.Thread(target=self._loop.run_forever, daemon=True, name="tailnet").start()

    def call(self, ask: Callable[[Tailscale], Awaitable[Got]]) -> Got:
        """The answer of one call, such as ``tailnet.call(lambda ts: ts.devices())``.

        Raises:
            AdminRefused: the API refuses; see `homelab.admin_refusals`.
            HomelabError: it cannot be reached.
            NotReadOnly: the world is only looked at, and this would change something.
        """
        return asyncio.run_coroutine_threadsafe(self._call(ask), self._loop).result()

    def close(self) -> None:
        """Let go of the API, and stop the thread that speaks to it."""
        asyncio.run_coroutine_threadsafe(self._let_go(), self._loop)

    async def _let_go(self) -> None:
        if self._connections is not None:
            await self._connections.close()
        self._loop.stop()

    async def _call(self, ask: Callable[[Tailscale], Awaitable[Got]]) -> Got:
        # Half a second of imports that a kernel need not pay before its first admin call.
        import aiohttp
        from tailscale import Tailscale
        from tailscale.exceptions import TailscaleConnectionError, TailscaleError, TailscaleResponseError

        from homelab.web.connector import connector

        self._revealed = key = self._revealed or (
            self._key.reveal() if isinstance(self._key, Secret) else self._key
        )  # once: a command may ask somebody
        if (
            self._connections is None
        ):  # one for all calls: a new one costs three ways there and back each time
            self._connections = connector(self._seat, self._ca) if self._seat else aiohttp.TCPConnector()
        asked = _Asked(self.guard)
        async with aiohttp.ClientSession(
            connector=self._connections,
            connector_owner=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=ANSWER, sock_read=ANSWER),
            middlewares=(asked,),
        ) as session:
            try:
                return await ask(
                    Tailscale(api_key=key, session=session, request_timeout=PATIENCE + 2 * ANSWER)
                )
            except TailscaleConnectionError as error:
                raise HomelabError(
                    f"the admin API cannot be reached: {_root(error) or error}",
                    self.name,
                    "is the network up, and the service?",
                ) from error
            except TailscaleResponseError as error:
                raise refusal(
                    error.status, asked.method, asked.path, mask(error.reason or ""), asked.wait, self.name
                ) from error
            except TailscaleError as error:
                said = "; ".join(str(a) for a in error.args) or type(error).__name__
                raise HomelabError(f"the admin API refuses: {mask(said)}", self.name) from error
            except (ValueError, LookupError, TypeError) as error:  # as orjson and mashumaro say it
                raise no_answer_of_its(asked.kind, self.name) from error


def _root(error: BaseException) -> str:
    """What is at the bottom of an error of the client's, in words; a time-out has none of its own."""
    while inner := (error.__cause__ or error.__context__):
        error = inner
    return "no answer in time" if isinstance(error, TimeoutError) else str(error)


class _Asked:
    """Around every request: refused while only reading, asked again where that is safe, and remembered."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard
        self.method = self.path = self.kind = ""
        self.wait: float | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        self.method, self.path = request.method, request.url.path
        if self._guard is None or request.method != "GET":
            return await self._asked(request, handler)
        moment, question = self._guard.moment, ("tailnet", str(request.url))
        recalled: aiohttp.ClientResponse | None = moment.recalled(question)
        if recalled is not None:
            self.kind = recalled.content_type
            return recalled
        moves = moment.count()
        answer = await self._asked(request, handler)
        await answer.read()  # it can be read again then, when its connection carries others
        if answer.ok:
            moment.keep(question, answer, moves)
        return answer

    async def _asked(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._guard:
            self._guard.request("tailnet", self.method, self.path)
        left, pauses = PATIENCE, list(PAUSES)
        while True:
            answer = await handler(request)
            self.kind = answer.content_type
            self.wait = seconds(answer.headers.get("Retry-After", ""))
            pause: float | None = None
            if (answer.status == 429 and pauses) or (
                answer.status >= 500 and self.method == "GET" and pauses
            ):  # it was not even looked at
                pause = max(pauses.pop(0), self.wait or 0.0)
            if pause is None or pause > left:
                return answer
            answer.release()
            left -= pause
            await asyncio.sleep(pause)
