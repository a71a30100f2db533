"""HTTP, and plain TCP, as a machine sees it: names are resolved there, connections start there.

In the lab a session's sockets are made inside the machine; the machine that we run on needs no detour.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from homelab.errors import LabError, NoAnswer
from homelab.lab_machine import LabMachine
from homelab.machine import Machine

TIMEOUT = 10.0  # seconds, to connect and between two pieces of an answer
Dial = Callable[[str, int, float | None], socket.socket]


def session(machine: Machine) -> requests.Session:
    """A session whose requests come from `machine`, and which trusts the TLS that the machine trusts.

    It takes ``http(s)://name:port``, waits 10 s unless told otherwise, and heeds no proxy of the environment.
    Where nobody answers it raises `NoAnswer`; an answer of 400 and above is an answer.
    """
    made = _Session(machine.name)
    made.trust_env = False
    if isinstance(machine, LabMachine):
        made.verify = machine.ca or True
        adapter = Adapter(partial(_dial_from, machine))
        for scheme in ("http://", "https://"):
            made.mount(scheme, adapter)
    return made


def dial(machine: Machine, host: str, port: int, timeout: float | None = TIMEOUT) -> socket.socket:
    """A TCP connection from `machine` to `host`, for protocols other than HTTP. `timeout` in seconds.

    Raises:
        NoAnswer: the name is not known there, or nobody accepts.
    """
    if isinstance(machine, LabMachine):
        return _dial_from(machine, host, port, timeout)
    try:
        return socket.create_connection((host, port), timeout)
    except OSError as error:
        raise _silent(f"{host}:{port}", _reason(error), machine.name) from error


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


def _dial_from(machine: LabMachine, host: str, port: int, timeout: float | None = TIMEOUT) -> socket.socket:
    reason = "it has no IPv4 address"
    for address in _addresses(machine, host):
        made = machine.socket()
        try:
            made.settimeout(timeout)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect((address, port))
        except OSError as error:
            made.close()
            reason = _reason(error)
        else:
            return made
    raise _silent(f"{host}:{port}", reason, machine.name)


def _addresses(machine: LabMachine, host: str) -> list[str]:
    try:
        return [str(ipaddress.IPv4Address(host))]
    except ValueError:
        pass
    try:
        return [a for a in machine.resolve(host) if ":" not in a]
    except LabError as error:
        raise NoAnswer(error.what, machine.name, error.hint) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)


def _silent(address: str, reason: str, where: str) -> NoAnswer:
    hints = {
        "Connection refused": "does the service run, and on this port?",
        "no answer in time": "is there a way from here to there, and does a firewall drop it?",
    }
    return NoAnswer(f"nobody answers at {address}: {reason}", where, hints.get(reason, ""))


class _Session(requests.Session):
    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = TIMEOUT
        url = str(request.url)
        try:
            return super().send(request, **kwargs)
        except requests.exceptions.SSLError as error:
            reason = f"its TLS is not trusted: {_root(error)}"
            raise NoAnswer(f"{url}: {reason}", self._where, "is the name the certificate's?") from error
        except requests.exceptions.Timeout as error:
            raise _silent(url, "no answer in time", self._where) from error
        except requests.exceptions.ConnectionError as error:
            raise _silent(url, _reason(_root(error)), self._where) from error


def _root(error: BaseException) -> BaseException:
    """What is at the bottom of an error that libraries have wrapped into one another."""
    while inner := (error.__cause__ or error.__context__):
        error = inner
    return error
