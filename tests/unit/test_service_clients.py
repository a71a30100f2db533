"""Small clients of services against canned answers on the loopback: what they ask, and what they make of a refusal."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from mcstatus import JavaServer

from homelab.clients.home_assistant import HomeAssistant
from homelab.clients.immich import Immich
from homelab.clients.json_api import ApiError, JsonApi
from homelab.clients.minecraft import _int, _packet, _text, status
from homelab.clients.miniflux import Miniflux
from homelab.clients.photo import evening
from homelab.errors import HomelabError


@pytest.fixture
def canned():
    """A server that answers from a table, (method and path) → (status, answer), and remembers what was asked."""
    table, asked = {}, []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            asked.append((f"{self.command} {path}", self.headers, body))
            code, answer = table.get(f"{self.command} {path}", (404, {"message": "nothing here"}))
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", table, asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        ((401, {"message": "Authentication required"}), "401 Authentication required", "logged in"),
        ((400, {"message": ["email must be an email"]}), "email must be an email", ""),
        ((500, {"error_message": "database away"}), "500 database away", ""),
        ((502, b"Bad\nGateway"), "502 Bad Gateway", ""),
        ((200, b"<html>hello</html>"), "something else than Thing", "which program"),
    ],
)
def test_a_refusal_in_the_servers_words(canned, answer, said, hint) -> None:
    url, table, _ = canned
    table["GET /x"] = answer
    with pytest.raises(ApiError) as caught:
        JsonApi(requests.Session(), url, "Thing").json("GET", "/x")
    assert said in caught.value.what
    assert hint in caught.value.hint
    assert caught.value.status == answer[0]


def test_immich(canned) -> None:
    url, table, asked = canned
    photo = evening(1)
    digest = hashlib.sha1(photo).digest()
    table |= {
        "GET /api/server/config": (200, {"isInitialized": False}),
        "POST /api/auth/admin-sign-up": (201, {}),
        "POST /api/auth/login": (201, {"accessToken": "token-of-alice", "userId": "u1"}),
        "POST /api/assets": (201, {"id": "a1", "status": "created"}),
        "GET /api/assets/a1": (200, {"checksum": base64.b64encode(digest).decode()}),
        "GET /api/assets/a1/original": (200, photo),
        "POST /api/search/metadata": (200, {"assets": {"items": [{"id": "a1"}]}}),
        "GET /api/server/version": (200, {"major": 3, "minor": 2, "patch": 2}),
        "GET /api/assets/statistics": (200, {"total": 1}),
    }
    server = Immich(requests.Session(), url)
    assert server.sign_up("Alice", "alice@example.com", "correct horse")
    assert server.log_in("alice@example.com", "correct horse") == "u1"
    asset = server.upload("evening.jpg", photo)
    assert asset.first
    sent = next(a for a in asked if a[0] == "POST /api/assets")
    assert sent[1]["Authorization"] == "Bearer token-of-alice"
    assert sent[1]["x-immich-checksum"] == digest.hex()
    assert photo in sent[2]
    assert b'name="fileCreatedAt"' in sent[2]
    assert server.original(asset.id) == photo
    assert server.checksum(asset.id) == digest.hex()
    assert server.find("evening.jpg") == ["a1"]
    assert (server.version(), server.count()) == ("3.2.2", 1)
    table["GET /api/server/config"] = (200, {"isInitialized": True})
    assert not server.sign_up("Bob", "bob@example.com", "x")
    table["POST /api/auth/login"] = (401, {"message": "Incorrect email or password"})
    with pytest.raises(ApiError, match=r"alice@example\.com cannot log in"):
        server.log_in("alice@example.com", "wrong")


def test_home_assistant_first_and_afterwards(canned) -> None:
    url, table, asked = canned
    table |= {
        "GET /api/onboarding": (200, [{"step": "user", "done": False}]),
        "POST /api/onboarding/users": (200, {"auth_code": "c1"}),
        "POST /auth/token": (200, {"access_token": "token-of-alice"}),
        "POST /api/onboarding/core_config": (500, b"no weather here"),
        "POST /api/onboarding/analytics": (200, {}),
        "POST /api/states/sensor.x": (201, {}),
        "GET /api/states/sensor.x": (200, {"state": "21.5"}),
        "DELETE /api/states/sensor.x": (200, {}),
        "GET /api/config": (200, {"version": "2024.3.3"}),
    }
    home = HomeAssistant(requests.Session(), url)
    assert home.onboard("Alice", "alice", "correct horse")
    home.set_state("sensor.x", "21.5", unit="°C")
    assert home.state("sensor.x") == "21.5"
    home.forget("sensor.x")
    assert home.version() == "2024.3.3"
    assert asked[-1][1]["Authorization"] == "Bearer token-of-alice"
    table["GET /api/onboarding"] = (404, {})
    assert not HomeAssistant(requests.Session(), url).onboard("Bob", "bob", "x")
    table |= {
        "POST /auth/login_flow": (200, {"flow_id": "f1"}),
        "POST /auth/login_flow/f1": (200, {"type": "create_entry", "result": "c2"}),
    }
    home.log_in("alice", "correct horse")
    assert b"code=c2" in asked[-1][2]
    table["POST /auth/login_flow/f1"] = (200, {"type": "form", "errors": {"base": "invalid_auth"}})
    with pytest.raises(ApiError, match="alice cannot log in: invalid_auth"):
        home.log_in("alice", "wrong")


def test_miniflux(canned) -> None:
    url, table, asked = canned
    feed = "https://miniflux.app/feed.xml"
    table |= {
        "GET /v1/me": (200, {"username": "admin"}),
        "GET /v1/feeds": (200, []),
        "GET /v1/categories": (200, [{"id": 1}]),
        "POST /v1/feeds": (201, {"feed_id": 7}),
        "GET /v1/feeds/7/entries": (200, {"entries": [{"title": "News"}]}),
        "PUT /v1/feeds/7/refresh": (204, b""),
        "DELETE /v1/feeds/7": (204, b""),
    }
    reader = Miniflux(requests.Session(), url, "admin", "correct horse")
    assert reader.user() == "admin"
    assert reader.feed(feed) == 7
    assert reader.titles(7) == ["News"]
    reader.refresh(7)
    reader.forget(7)
    assert asked[0][1]["Authorization"].startswith("Basic ")
    table["GET /v1/feeds"] = (200, [{"feed_url": feed, "id": 9}])
    assert reader.feed(feed) == 9, "no second subscription"
    table["GET /v1/feeds"] = (200, [])
    table["POST /v1/feeds"] = (500, {"error_message": "unable to fetch"})
    with pytest.raises(ApiError, match="does not take the feed"):
        reader.feed(feed)


class Game:
    """A server that speaks so much of Minecraft's protocol as the list of servers asks for."""

    def __init__(self, answer: bytes | None) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, args=(answer,), daemon=True).start()

    def _serve(self, answer: bytes | None) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(1024)
                if answer is not None:
                    connection.sendall(answer)
                    while asked := connection.recv(1024):  # mcstatus pings as well
                        connection.sendall(asked)


def _answer(document: object) -> bytes:
    return _packet(_int(0) + _text(json.dumps(document)))


def test_minecraft_as_mcstatus_sees_it() -> None:
    said = {"version": {"name": "1.21.4", "protocol": 769}, "players": {"online": 2, "max": 10}, "description": {"text": "The living ", "extra": [{"text": "room"}]}}  # fmt: skip
    game = Game(_answer(said))
    ours = status(socket.create_connection(("127.0.0.1", game.port), 5), "localhost", game.port)
    theirs = JavaServer("127.0.0.1", game.port).status()
    assert (ours.version, ours.online, ours.most, ours.motto) == ("1.21.4", 2, 10, "The living room")
    assert (theirs.version.name, theirs.players.online, theirs.players.max) == ("1.21.4", 2, 10)
    assert theirs.motd.to_plain() == ours.motto
    game.socket.close()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xff\xff\xff\xff\xff",
        _packet(_int(1)),
        _packet(_int(0) + _text("[]")),
        _packet(_int(0) + _text("{")),
    ],
)
def test_no_minecraft_server(answer) -> None:
    game = Game(answer)
    with pytest.raises(HomelabError, match="no Minecraft server"):
        status(socket.create_connection(("127.0.0.1", game.port), 2), "localhost", game.port)
    game.socket.close()


def test_the_photo_is_one_and_always_the_same() -> None:
    assert evening(1)[:3] == b"\xff\xd8\xff"
    assert evening(1) == evening(1) != evening(2)
