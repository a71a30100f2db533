"""The window into the lab: what a browser asks through a socket is asked by the machine that looks."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from homelab.errors import LabError
from homelab.runner.window import Offered, Windows

PAGE = b"""<a href="/there">a</a> <a href='https://other.example/x'>b</a> <img src="near.png"> <form action="/send">"""
TOKEN = "secret-of-jupyter"
PHONE = Offered(
    "as-phone", "As the phone", "phone", "You hold the phone.", (("https://quiz.example/", "a quiz"),)
)


class App(http.server.BaseHTTPRequestHandler):
    seen: list[tuple[str, dict[str, str]]]

    def log_message(self, *words: object) -> None:
        return

    def do_GET(self) -> None:
        self.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        if self.path.startswith("/film"):
            self.send_response(206)
            self.send_header("Content-Range", "bytes 0-3/9")
            body = b"film"
        elif self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/web/")
            self.send_header("Set-Cookie", "sid=1; Path=/; HttpOnly")
            body = b""
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            body = PAGE
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Phone:
    """Sees one name only, at the loopback."""

    name = "phone"

    def socket(self) -> socket.socket:
        return socket.socket()

    def resolve(self, host: str) -> list[str]:
        if host != "jellyfin.example":
            raise LabError(f"the name {host} is not known there", self.name, "is it spelled right?")
        return ["127.0.0.1"]


@pytest.fixture
def app() -> Iterator[type[App]]:
    App.seen = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    App.port = server.server_port
    yield App
    server.shutdown()
    server.server_close()


@pytest.fixture
def look(tmp_path: Path) -> Iterator:
    (tmp_path / "root.pem").write_text("")
    with contextlib.closing(Windows({PHONE: Phone()}, _root(), TOKEN)) as windows:
        path = windows.socket(PHONE)
        assert path.parent.stat().st_mode & 0o077 == 0

        def ask(url: str, **headers: str):
            async def go():
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
                    given = {"X-Forwarded-Prefix": "/as-phone", **headers}
                    async with session.get(
                        URL(f"http://x{url}", encoded=True), headers=given, allow_redirects=False
                    ) as answer:
                        return answer.status, answer.headers.copy(), await answer.read()

            return asyncio.run(go())

        yield ask
    assert not path.parent.exists()


def _root() -> str:
    import certifi

    return certifi.where()


def test_page_is_fetched_by_the_machine_and_its_links_stay_in_the_window(app, look):
    status, _, body = look(f"/http/jellyfin.example:{app.port}/web/?a=1&token={TOKEN}&b=%2F")
    assert status == 200
    assert app.seen[0][0] == "/web/?a=1&b=%2F"
    assert app.seen[0][1]["host"] == f"jellyfin.example:{app.port}"
    place = f"/as-phone/http/jellyfin.example:{app.port}".encode()
    assert b'href="' + place + b'/there"' in body
    assert b"href='/as-phone/https/other.example/x'" in body
    assert b'src="near.png"' in body
    assert b'action="' + place + b'/send"' in body


def test_jupyters_own_cookies_and_token_never_reach_an_app(app, look):
    look(f"/http/jellyfin.example:{app.port}/", Cookie="_xsrf=2|x; lab-sid=1", Authorization=f"token {TOKEN}")
    seen = app.seen[0][1]
    assert seen["cookie"] == "sid=1"
    assert "authorization" not in seen
    assert not [name for name in seen if name.startswith("x-forwarded")]
    look(f"/http/jellyfin.example:{app.port}/", Authorization='MediaBrowser Token="t"')
    assert app.seen[1][1]["authorization"] == 'MediaBrowser Token="t"'


def test_part_of_a_film_and_a_redirect_pass(app, look):
    status, headers, body = look(f"/http/jellyfin.example:{app.port}/film", Range="bytes=0-3")
    assert (status, headers["Content-Range"], body) == (206, "bytes 0-3/9", b"film")
    assert app.seen[0][1]["range"] == "bytes=0-3"
    _, headers, _ = look(f"/http/jellyfin.example:{app.port}/moved")
    assert headers["Location"] == f"/http/jellyfin.example:{app.port}/web/"
    assert headers["Set-Cookie"] == f"lab-sid=1; HttpOnly; Path=/as-phone/http/jellyfin.example:{app.port}/"


def test_what_the_machine_cannot_reach_is_said(look):
    status, _, body = look("/https/quiz.example/")
    assert status == 502
    assert b"From phone, <b>https://quiz.example</b> cannot be reached" in body
    assert b"the name quiz.example is not known there. is it spelled right?" in body
    assert b'href="/as-phone/"' in body, "the way back"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        status, _, body = look(f"/http/jellyfin.example:{nobody.getsockname()[1]}/")
    assert status == 502
    assert b">Connection refused<" in body


def test_first_page_offers_places_and_takes_an_address(look):
    status, _, body = look("/")
    assert status == 200
    assert b'href="/as-phone/go?to=https://quiz.example/"' in body
    assert look("/go?to=jellyfin.example:8096/x")[1]["Location"] == "/http/jellyfin.example:8096/x"
    status, _, body = look(look("/go?to=ftp://x")[1]["Location"])
    assert status == 404
    assert b"begin with <b>http://</b>" in body
    assert b'href="/as-phone/"' in body, "the way back"
