"""A window into the lab: a reader's browser sees pages as one of the lab's machines sees them.

JupyterLab offers each window as a tab (jupyter-server-proxy), behind its own token. The tab's path names
the page: ``/as-phone/https/jellyfin.snow-burbot.ts.net/web/`` is https://jellyfin.snow-burbot.ts.net/web/,
fetched by the phone. Nothing listens but a socket in a folder that is the reader's alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from homelab.errors import LabError
from homelab.runner.served import Served
from homelab.runner.window_page import index, refused, unknown
from homelab.web.connector import Seat, connector

PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=6, sock_read=60)
PLACE = re.compile(r"/(https?)/([A-Za-z0-9.-]+(?::[0-9]{1,5})?)(/.*)?$")
# What a page of ours links to; scripts must use relative addresses, as the stand-ins' pages do.
LINK = re.compile(rb"""((?:href|src|action)=["'])(https?://|/(?!/))""", re.IGNORECASE)
ICON = """<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48" viewBox="0 0 24 24" fill="none" stroke="#0b5cad" stroke-width="1.6">{}</svg>"""
CATEGORY = "Notebook"  # of a tile: no other one shows pictures, and this one stands on top
COOKIE = "lab-"  # so that an app never sees JupyterLab's own cookies, and never changes them
# Hop by hop, or about the connection that the reader does not have.
OURS = {
    "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "cookie", "set-cookie",
    "accept-encoding", "strict-transport-security", "location", "origin", "referer", "x-xsrftoken",
}  # fmt: skip
OURS_TOO = ("x-forwarded-", "x-proxycontextpath", "sec-fetch-")


@dataclass(frozen=True)
class Offered:
    """One window: `name` is its path, `role` the machine that looks, `places` what its first page offers.

    `icon` is the drawing on its tile, as SVG shapes on a square of 24.
    """

    name: str
    title: str
    role: str
    about: str
    places: tuple[tuple[str, str], ...]
    icon: str = ""


class Windows:
    """The windows that are open until `close`; `settings` tells JupyterLab of them."""

    def __init__(self, seats: Mapping[Offered, Seat], ca: str, token: str) -> None:
        self._served, self._token = Served("window"), token
        self._offered = list(seats)
        for offered, seat in seats.items():
            self._served.open(offered.name, self._app(offered, seat, ca))

    def settings(self) -> dict[str, Any]:
        """What jupyter-server-proxy is configured with."""
        return {
            o.name: {
                "command": [],
                "unix_socket": str(self.socket(o)),
                "new_browser_tab": True,
                "launcher_entry": {
                    "title": o.title,
                    "category": CATEGORY,
                    "icon_path": str(self._icon(o)),
                },
            }
            for o in self._offered
        }

    def titles(self) -> dict[str, str]:
        """What each window is called, by its path."""
        return {o.name: o.title for o in self._offered}

    def _icon(self, offered: Offered) -> Path:
        path = self._served.folder / f"{offered.name}.svg"
        path.write_text(ICON.format(offered.icon))
        return path

    def socket(self, offered: Offered) -> Path:
        """Where a window listens."""
        return self._served.folder / offered.name

    def close(self) -> None:
        """Close all windows; nothing of them is left."""
        self._served.close()

    async def _app(self, offered: Offered, seat: Seat, ca: str) -> web.Application:
        way = connector(seat, ca)
        session = aiohttp.ClientSession(
            connector=way, timeout=PATIENCE, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        view = _View(offered, seat, session, self._token)
        app = web.Application(client_max_size=2**32)  # a film or a photo may be uploaded
        app.router.add_route("*", "/{path:.*}", view.answer)
        app.on_cleanup.append(lambda _: session.close())
        return app


@dataclass(frozen=True)
class _View:
    offered: Offered
    seat: Seat
    session: aiohttp.ClientSession
    token: str

    async def answer(self, request: web.Request) -> web.StreamResponse:
        base = request.headers.get("X-Forwarded-Prefix", "").rstrip("/")
        if request.path == "/":
            return web.Response(text=index(self.offered, base), content_type="text/html")
        if request.path == "/go":
            raise web.HTTPFound(_into(request.query.get("to", "")))
        found = PLACE.match(request.rel_url.raw_path)
        if not found:
            page = unknown(self.offered, base)
            return web.Response(text=page, content_type="text/html", status=HTTPStatus.NOT_FOUND)
        scheme, host, path = found[1], found[2], found[3] or "/"
        # JupyterLab's own token is nothing that an app of the lab needs to know.
        query = [q for q in request.rel_url.raw_query_string.split("&") if q != f"token={self.token}"]
        there = URL(f"{scheme}://{host}{path}?{'&'.join(query)}".rstrip("?"), encoded=True)
        try:
            async with self.session.request(
                request.method,
                there,
                headers=_passed_on(request),
                data=request.content if request.can_read_body else None,
                allow_redirects=False,
            ) as answer:
                return await _deliver(request, answer, base, f"{scheme}/{host}")
        except (aiohttp.ClientError, TimeoutError, LabError, OSError) as error:
            page = refused(self.offered, base, f"{scheme}://{host}", _why(error))
            return web.Response(text=page, content_type="text/html", status=HTTPStatus.BAD_GATEWAY)


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno)
    return str(error).replace("\nHint: ", ". ") or "no answer came in time"


def _into(address: str) -> str:
    """The path in this window of the page at `address`; in a redirect, jupyter-server-proxy puts the window's own before it."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    tail = f"?{parts.query}" if parts.query else ""
    return f"/{parts.scheme}/{parts.netloc}{parts.path or '/'}{tail}"


def _passed_on(request: web.Request) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers.items():
        low = name.lower()
        if low in OURS or low.startswith(OURS_TOO) or (low == "authorization" and value.startswith("token ")):
            continue
        headers.add(name, value)
    mine = [f"{n[len(COOKIE) :]}={v}" for n, v in request.cookies.items() if n.startswith(COOKIE)]
    if mine:
        headers["Cookie"] = "; ".join(mine)
    headers["Accept-Encoding"] = "identity"  # links are rewritten
    return headers


async def _deliver(
    request: web.Request, answer: aiohttp.ClientResponse, base: str, place: str
) -> web.StreamResponse:
    html = answer.content_type == "text/html" and "Content-Encoding" not in answer.headers
    out = web.StreamResponse(status=answer.status, reason=answer.reason)
    for name, value in answer.headers.items():
        low = name.lower()
        if low in OURS or (html and low in ("content-length", "etag")):
            continue
        out.headers.add(name, value)
    for cookie in answer.headers.getall("Set-Cookie", []):
        named = re.sub(r"(?i);\s*(domain|path)=[^;]*", "", cookie)
        out.headers.add("Set-Cookie", f"{COOKIE}{named}; Path={base}/{place}/")
    if to := answer.headers.get("Location"):
        out.headers["Location"] = _moved(to, place)
    await out.prepare(request)
    if html:
        await out.write(_rewritten(await answer.read(), base, place))
    elif request.method != "HEAD":
        async for part in answer.content.iter_any():
            await out.write(part)
    await out.write_eof()
    return out


def _moved(to: str, place: str) -> str:
    if "://" in to:
        return _into(to)
    return f"/{place}{to}" if to.startswith("/") else to


def _rewritten(page: bytes, base: str, place: str) -> bytes:
    def link(found: re.Match[bytes]) -> bytes:
        kind = found[2].rstrip(b"/").rstrip(b":")
        into = f"{base}/{place}/".encode() if found[2] == b"/" else f"{base}/".encode() + kind + b"/"
        return found[1] + into

    return LINK.sub(link, page)
