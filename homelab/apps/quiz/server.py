"""HTTP: pages for people, JSON for programs, and ``/health`` for whoever watches."""

from __future__ import annotations

import json
import secrets
from email.header import decode_header, make_header
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import pages
from .game import Game, Player, Refused
from .questions import QUESTIONS

LONGEST_BODY = 4096  # bytes; an answer is a few dozen
COOKIE = "quiz"
STYLE = Path(__file__).with_name("style.css")


class Server(ThreadingHTTPServer):
    """The quiz at `address`, with its `game`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], game: Game) -> None:
        self.game = game
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    server_version = "quiz"
    protocol_version = "HTTP/1.1"
    timeout = 15  # seconds; who says nothing for so long is not waited for
    disable_nagle_algorithm = True  # else the body waits 40 ms for the other end's word on the headers

    def do_GET(self) -> None:
        """Pages, the score, who asks, and health."""
        path = urlsplit(self.path).path
        if path == "/health":
            self._json({"status": "ok", "questions": len(QUESTIONS)})
        elif path == "/style.css":
            self._send(STYLE.read_bytes(), "text/css; charset=utf-8")
        elif path == "/":
            self._page(pages.play(self._player(), self._who()))
        elif path == "/projector":
            self._page(pages.projector(self.server.game, self.headers.get("Host", "")), refresh=5)
        elif path == "/api/whoami":
            self._json(self._who())
        elif path == "/api/questions":
            asked = [{"key": q.key, "text": q.text, "answers": q.answers} for q in QUESTIONS]
            self._json({"questions": asked})
        elif path == "/api/score":
            self._json({"players": [_public(p) for p in self.server.game.ranking()]})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such page.")

    do_HEAD = do_GET  # noqa: N815 - the library's name; `_send` leaves the body out

    def do_POST(self) -> None:
        """Join and answer: by a form from a page, or by JSON from a program."""
        path = urlsplit(self.path).path
        try:
            given = self._given()
            if path in ("/join", "/api/join"):
                player = self._join(str(given.get("name") or ""))
                self._back() if path == "/join" else self._json({"player": player.id, "name": player.name})
            elif path in ("/answer", "/api/answer"):
                self._answer(given, by_form=path == "/answer")
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "There is no such page.")
        except (Refused, ValueError, TypeError) as error:
            said = str(error) if isinstance(error, Refused) else "That is not something to read."
            self._refuse(HTTPStatus.BAD_REQUEST, said)

    def _answer(self, given: dict[str, Any], *, by_form: bool) -> None:
        id = str(given.get("player") or self._id())
        question, right = self.server.game.answer(
            id, str(given.get("question")), int(given.get("choice", -1))
        )
        player = self.server.game.player(id)
        if by_form:
            self._page(pages.answered(player, question, right))
            return
        said = {"right": right, "answer": question.answers[question.right], "why": question.why}
        self._json({**said, "score": player.score if player else 0})

    def _join(self, name: str) -> Player:
        who = self._who()
        id = self._id() or secrets.token_urlsafe(12)
        player = self.server.game.join(id, name or who["name"])
        if not who["login"]:
            self._cookie = f"{COOKIE}={id}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"
        return player

    def _who(self) -> dict[str, str]:
        """Who asks, as Tailscale's serve says; empty for anybody from outside, and for tagged machines.

        serve takes these headers out of what a client sends. They are good for a greeting, not for a
        decision: whoever reaches the port without serve can write what he likes.
        """
        found = {k: self.headers.get(f"Tailscale-User-{k.capitalize()}") or "" for k in ("login", "name")}
        return {k: str(make_header(decode_header(v)))[:80] for k, v in found.items()}

    def _id(self) -> str:
        """The player's id: the tailnet's login name, else what our cookie says; empty for a newcomer."""
        if login := self._who()["login"]:
            return f"login:{login}"
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return ""
        return found.value[:64] if found and not found.value.startswith("login:") else ""

    def _player(self) -> Player | None:
        return self.server.game.player(self._id())

    def _given(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= LONGEST_BODY:
            self.close_connection = True
            raise Refused("That is too long.")
        text = self.rfile.read(length).decode("utf-8", "replace")
        if "json" in self.headers.get("Content-Type", ""):
            found = json.loads(text)
            if not isinstance(found, dict):
                raise Refused("Send an object.")
            if str(found.get("player", "")).startswith("login:"):
                raise Refused("That player comes by the tailnet.")
            return found
        return {key: values[0] for key, values in parse_qs(text).items() if key != "player"}

    _cookie = ""

    def _back(self) -> None:
        self._send(b"", "text/plain", HTTPStatus.SEE_OTHER, {"Location": "./"})

    def _page(self, text: str, status: HTTPStatus = HTTPStatus.OK, refresh: int = 0) -> None:
        more = {"Refresh": str(refresh)} if refresh else {}
        self._send(text.encode(), "text/html; charset=utf-8", status, more)

    def _json(self, data: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(data, ensure_ascii=False).encode(), "application/json", status)

    def _refuse(self, status: HTTPStatus, said: str) -> None:
        if urlsplit(self.path).path.startswith("/api/"):
            self._json({"error": said}, status)
        else:
            self._page(pages.sorry(said), status)

    def _send(
        self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'self'",
            "X-Content-Type-Options": "nosniff",
            **(more or {}),
        }
        if self._cookie:
            headers["Set-Cookie"], self._cookie = self._cookie, ""
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Who plays is nobody's business: only what went wrong is written down."""
        status = str(args[1]) if len(args) > 1 else ""
        if status.startswith("5"):
            super().log_message(format, *args)


def _public(player: Player) -> dict[str, object]:
    return {"name": player.name, "score": player.score, "answered": len(player.answers)}
