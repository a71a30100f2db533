"""The adapter for OpenAI's API against servers that are pickier than llama.cpp's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from homelab import web
from homelab.clients.json_api import ApiError
from homelab.errors import NoAnswer
from homelab.llm import stream
from homelab.llm.engine import ContextTooLong, EngineGone, ModelUnknown
from homelab.llm.openai import OpenAI
from homelab.llm.stream import pieces
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader


class Picky(ThreadingHTTPServer):
    """Refuses fields that the standard lacks, and prompts of token numbers where `text_only`; streams `lines`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.text_only, self.strict = False, True
        self.stuck: threading.Event | None = None
        self.lines = [
            {"choices": [{"text": " a", "finish_reason": None}]},
            {"choices": [{"text": " b", "finish_reason": "length"}]},
            {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Picky

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(200, json.dumps({"data": [{"id": "qwen2.5:7b", "max_model_len": 4096}, {"id": "phi"}]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        if self.server.strict and "cache_prompt" in body:
            return self._answer(422, json.dumps({"error": {"message": "extra fields not permitted"}}))
        if self.server.text_only and not isinstance(body["prompt"], str):
            return self._answer(400, json.dumps({"error": "prompt must be a string"}))
        lines = [f"data: {x if isinstance(x, str) else json.dumps(x)}\n\n" for x in self.server.lines]
        if self.server.stuck:
            self._answer(200, lines[0])
            return self.server.stuck.wait(60)
        return self._answer(200, ": a comment\n\n" + "".join(lines) + "data: [DONE]\n\n")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def server() -> Iterator[Picky]:
    made = Picky()
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def session():
    return web.session(LocalMachine("here", Reader(), Pending()))


def test_a_server_of_the_bare_standard_is_asked_without_additions(server: Picky, session) -> None:
    engine = OpenAI(session, server.url, "qwen2.5:7b")
    got = engine.generate(9, 2, 1)
    assert (got.prompt_tokens, got.tokens, got.engine_prompt, got.engine_decode) == (9, 2, None, None)
    assert got.start < got.first <= got.last <= got.end
    assert "cache_prompt" not in server.asked[-1]
    engine.generate(9, 2, 2)
    assert len(server.asked) == 3, "it is not offered the additions again"
    assert engine.cpu() is None


def test_one_that_takes_only_text_gets_words(server: Picky, session) -> None:
    server.text_only = True
    OpenAI(session, server.url, "phi").generate(9, 2, 1)
    assert len(server.asked[-1]["prompt"].split()) == 9


def test_what_it_says_and_what_it_does_not_have(server: Picky, session) -> None:
    assert OpenAI(session, server.url).describe().model == "qwen2.5:7b", "the first, where none is named"
    with pytest.raises(ModelUnknown) as error:
        OpenAI(session, server.url, "qwen2.5:70b").describe()
    assert error.value.hint == "did you mean 'qwen2.5:7b'?"
    with pytest.raises(ContextTooLong, match="4096"):
        OpenAI(session, server.url).load(5000)
    with pytest.raises(NoAnswer):
        OpenAI(session, "http://127.0.0.1:9").describe()


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        ([], EngineGone, "before it began"),
        ([{"error": {"message": "slot unavailable"}}], ApiError, "slot unavailable"),
        (["no json"], ApiError, "no JSON"),
    ],
)
def test_answers_that_are_none(
    server: Picky, session, lines: list[Any], error: type[Exception], said: str
) -> None:
    server.lines = lines
    with pytest.raises(error, match=said):
        OpenAI(session, server.url, "phi").generate(4, 2, 1)


def test_a_server_that_gets_stuck_is_not_waited_for_forever(server: Picky, session, monkeypatch) -> None:
    monkeypatch.setattr(stream, "TIMEOUT", 0.2)
    server.stuck, server.strict = threading.Event(), False
    try:
        with pytest.raises(EngineGone, match=r"said nothing for 0\.2 s in the middle of an answer"):
            OpenAI(session, server.url, "phi").generate(4, 2, 1)
    finally:
        server.stuck.set()


def test_no_token_is_no_number(server: Picky, session) -> None:
    server.lines = [{"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 0}}]
    got = OpenAI(session, server.url, "phi").generate(4, 2, 1)
    assert (got.tokens, got.steps < 0) == (0, True)


def test_a_refusal_in_the_servers_words(server: Picky, session) -> None:
    with pytest.raises(ApiError) as error:
        list(pieces(session, f"{server.url}/v1/completions", {"prompt": "x", "cache_prompt": False}))
    assert (error.value.status, error.value.what) == (422, "extra fields not permitted")
