"""A serve configuration file, checked before a daemon sees it: Tailscale's ``ipn.ServeConfig`` as JSON.

In a container the file is read by containerboot, which ends, and takes the device with it, when the text
is not JSON; what is JSON but means nothing it applies without a word. Hence this check.

Source: ipn/serve.go of tailscale.com v1.102.5; the ports of Funnel: https://tailscale.com/kb/1223/funnel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from homelab.errors import ParamsError, Problem, nearest
from homelab.listeners import said
from homelab.yamldoc import Document, KeyPath, parse

DOMAIN = "${TS_CERT_DOMAIN}"  # containerboot puts the device's full name here
FUNNEL_PORTS = (443, 8443, 10000)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOP = ("TCP", "Web", "AllowFunnel", "Services")
TCP = ("HTTPS", "HTTP", "TCPForward", "TerminateTLS", "ProxyProtocol")
HANDLER = ("Proxy", "Path", "Text", "Redirect", "AcceptAppCaps")
HOST_PORT = re.compile(r"^(?P<host>\$\{TS_CERT_DOMAIN\}|[a-z0-9][a-z0-9.-]*):(?P<port>[0-9]{1,5})$")


@dataclass(frozen=True)
class ServeConfig:
    """What is served: `web` is each mount point's target by ``port/mount``; `funnel` the public ports."""

    data: dict[str, Any]
    web: dict[str, str]
    forwards: dict[int, str]
    funnel: tuple[int, ...]


def read(text: str, source: str, listens: Collection[int] | None = None) -> ServeConfig:
    """The configuration in `text`; `listens` are the ports behind it, where they are known, or who listens by port.

    Raises:
        ParamsError: it is not JSON, or not such a configuration: every problem, with file and line.
    """
    document = _document(text, source)
    problems = list(_problems(document, listens))
    if problems:
        raise ParamsError(problems)
    data: dict[str, Any] = document.data
    web = {
        f"{host_port.rpartition(':')[2]}{mount}": next(str(v) for k, v in handler.items() if k in HANDLER)
        for host_port, server in (data.get("Web") or {}).items()
        for mount, handler in (server.get("Handlers") or {}).items()
    }
    forwards = {int(p): str(h["TCPForward"]) for p, h in (data.get("TCP") or {}).items() if "TCPForward" in h}
    public = sorted(int(hp.rpartition(":")[2]) for hp, on in (data.get("AllowFunnel") or {}).items() if on)
    return ServeConfig(data, web, forwards, tuple(public))


def _document(text: str, source: str) -> Document:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        hint = (
            "a comma after the last entry, or a comment? JSON has neither"
            if "property name" in error.msg
            else ""
        )
        raise ParamsError([Problem(where, f"is not JSON: {error.msg}", hint)]) from error
    except RecursionError as error:
        raise ParamsError([Problem(source, "is nested too deep")]) from error
    if not isinstance(found, dict):
        raise ParamsError([Problem(f"{source}:1", "must be an object, { … }")])
    if not found:
        return Document(source, {})
    # JSON is YAML, whose reader knows the line of each key, and keys that are there twice.
    return parse(text.expandtabs(1), source)


def _problems(document: Document, listens: Collection[int] | None) -> Iterator[Problem]:
    data = document.data
    yield from _known(document, (), data, TOP)
    served = _object(data, "TCP")
    for port, handler in served.items():
        yield from _tcp(document, port, handler, listens)
    for host_port, server in _object(data, "Web").items():
        yield from _web(document, host_port, server, served, listens)
    for host_port, on in _object(data, "AllowFunnel").items():
        yield from _funnel(document, host_port, on, served)
    for section in TOP:
        if section in data and not isinstance(data[section], dict):
            yield _problem(document, (section,), f"{section} must be an object, {{ … }}")


def _tcp(document: Document, port: str, handler: Any, listens: Collection[int] | None) -> Iterator[Problem]:
    at: KeyPath = ("TCP", port)
    if not _is_port(port):
        yield _problem(document, at, f"{port!r} is not a port", "1 to 65535")
    if not isinstance(handler, dict):
        yield _problem(document, at, "must be an object", '{"HTTPS": true}')
        return
    yield from _known(document, at, handler, TCP)
    ways = [w for w in ("HTTPS", "HTTP", "TCPForward") if handler.get(w)]
    if len(ways) != 1:
        said = " and ".join(ways) or "nothing"
        yield _problem(document, at, f"port {port} does {said}: choose one", "HTTPS, HTTP or TCPForward")
    if target := handler.get("TCPForward"):
        yield from _target(document, (*at, "TCPForward"), str(target), listens)


def _web(
    document: Document, host_port: str, server: Any, served: dict[str, Any], listens: Collection[int] | None
) -> Iterator[Problem]:
    at: KeyPath = ("Web", host_port)
    yield from _host_port(document, at, host_port)
    port = host_port.rpartition(":")[2]
    doing = served.get(port)
    if not (isinstance(doing, dict) and (doing.get("HTTPS") or doing.get("HTTP"))):
        yield _problem(
            document, at, f"TCP has no entry for port {port}", f'"TCP": {{"{port}": {{"HTTPS": true}}}}'
        )
    handlers = server.get("Handlers") if isinstance(server, dict) else None
    if not isinstance(handlers, dict) or not handlers:
        yield _problem(
            document, at, "has no Handlers", '{"Handlers": {"/": {"Proxy": "http://127.0.0.1:3000"}}}'
        )
        return
    yield from _known(document, at, server, ("Handlers",))
    for mount, handler in handlers.items():
        here: KeyPath = (*at, "Handlers", mount)
        if not mount.startswith("/"):
            yield _problem(document, here, f"the mount point {mount!r} must begin with /")
        if not isinstance(handler, dict):
            yield _problem(document, here, "must be an object", '{"Proxy": "http://127.0.0.1:3000"}')
            continue
        yield from _known(document, here, handler, HANDLER)
        if len([k for k in ("Proxy", "Path", "Text", "Redirect") if handler.get(k)]) != 1:
            yield _problem(document, here, "must do exactly one thing", "Proxy, Path, Text or Redirect")
        if proxy := handler.get("Proxy"):
            yield from _target(document, (*here, "Proxy"), str(proxy), listens)


def _target(
    document: Document, at: KeyPath, target: str, listens: Collection[int] | None
) -> Iterator[Problem]:
    """Whether `target` is an address, and, for one of the device's own, whether somebody listens there."""
    if target.startswith("unix:"):
        return
    spelled = f"http://127.0.0.1:{target}" if target.isdigit() else target
    try:
        found = urlsplit(spelled if "://" in spelled else f"http://{spelled}")
        host, port = found.hostname or "", found.port
    except ValueError:
        host, port, found = "", None, urlsplit("")
    if found.scheme not in ("http", "https", "https+insecure") or not host:
        yield _problem(document, at, f"{target!r} is not an address", "http://127.0.0.1:3000")
    elif listens is not None and host in LOOPBACK and (port or 80) not in listens:
        hint = f"its service listens on {', '.join(map(str, sorted(listens))) or 'no port'}"
        if isinstance(listens, Mapping):
            hint = f"on this machine there is {said(listens)}"
        yield _problem(document, at, f"nothing listens on port {port or 80}", hint)


def _funnel(document: Document, host_port: str, on: Any, served: dict[str, Any]) -> Iterator[Problem]:
    at: KeyPath = ("AllowFunnel", host_port)
    yield from _host_port(document, at, host_port)
    port = host_port.rpartition(":")[2]
    if not isinstance(on, bool):
        yield _problem(document, at, f"must be true or false, not {on!r}")
    elif on and _is_port(port) and int(port) not in FUNNEL_PORTS:
        allowed = ", ".join(map(str, FUNNEL_PORTS))
        yield _problem(document, at, f"Funnel does not take port {port}", f"it takes {allowed}")
    elif on and port not in served:
        yield _problem(
            document, at, f"port {port} would be public, and nothing serves it", "add it under TCP"
        )


def _host_port(document: Document, at: KeyPath, text: str) -> Iterator[Problem]:
    if not (found := HOST_PORT.match(text)) or not _is_port(found["port"]):
        yield _problem(document, at, f"{text!r} is not a name with a port", f"{DOMAIN}:443")


def _known(
    document: Document, at: KeyPath, found: dict[str, Any], known: Collection[str]
) -> Iterator[Problem]:
    for key in found:
        if key not in known:
            yield _problem(document, (*at, key), f"unknown key {key!r}", nearest(key, known))


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _is_port(text: str) -> bool:
    return text.isdigit() and 1 <= int(text) <= 65535


def _problem(document: Document, at: KeyPath, what: str, hint: str = "") -> Problem:
    return Problem(document.where(at), what, hint)
