"""Requests over connections that are made elsewhere: what `homelab.web` and `homelab.engine` build on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from homelab.errors import NoAnswer
from homelab.web import reason_of, silent

AS_THERE = "as the machine trusts"  # a session's `verify`, until that matters
Dial = Callable[[str, int, float | None], socket.socket]


class Adapter(HTTPAdapter):
    """Carries requests over connections that `dial` makes; no proxy comes between."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See `HTTPAdapter`."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._dial)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """See `HTTPAdapter`."""
        kwargs["proxies"] = None
        return super().send(request, *args, **kwargs)


def _pools(dial: Dial) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self.host, self.port or 80, _seconds(self.timeout))

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self.host, self.port or 443, _seconds(self.timeout))

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _seconds(timeout: object) -> float | None:
    return float(timeout) if isinstance(timeout, int | float) else None


class Session(requests.Session):
    """A session that waits `timeout` seconds unless told otherwise, and says well that nobody answers.

    `trusted` gives the file of whom TLS is trusted (empty: the usual ones), and is asked when that matters.
    """

    def __init__(self, where: str, timeout: float, trusted: Callable[[], str]) -> None:
        super().__init__()
        self.trust_env = False  # a proxy for the way out is none to a homelab
        self.verify = AS_THERE
        self._where, self._timeout, self._trusted = where, timeout, trusted

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """See `requests.Session`.

        Raises:
            NoAnswer: nobody answers in time, or its TLS is not trusted.
        """
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        url = str(request.url)
        if kwargs.get("verify") == AS_THERE:
            kwargs["verify"] = (url.startswith("https:") and self._trusted()) or True
        try:
            return super().send(request, **kwargs)
        except requests.exceptions.SSLError as error:
            reason = f"its TLS is not trusted: {root_of(error)}"
            raise NoAnswer(f"{url}: {reason}", self._where, "is the name the certificate's?") from error
        except requests.exceptions.Timeout as error:
            raise silent(url, "no answer in time", self._where) from error
        except requests.exceptions.ConnectionError as error:
            raise silent(url, reason_of(root_of(error)), self._where) from error


def root_of(error: BaseException) -> BaseException:
    """What is at the bottom of an error that libraries have wrapped into one another."""
    while inner := (error.__cause__ or error.__context__):
        error = inner
    return error
