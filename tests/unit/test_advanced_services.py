"""Does Ollama answer a prompt? A stand-in gives the answers of its API, good and bad."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from homelab.checks.advanced_services import ollama_answers
from homelab.imaging import installation
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader

HERE = LocalMachine("here", Reader(), Pending())


@contextmanager
def ollama(status: int, body: str) -> Iterator[tuple[str, list[dict]]]:
    """A stand-in for Ollama that gives the one answer to whatever it is asked; its address, and what it was asked."""
    asked: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(
                {"path": self.path, **json.loads(self.rfile.read(int(self.headers["Content-Length"])))}
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", asked
        server.shutdown()


def test_the_talks_post_is_made_and_its_text_shown() -> None:
    text = "Because the rest of it belongs\nto somebody else. " + "It is true. " * 20
    with ollama(200, json.dumps({"response": text, "done": True})) as (url, asked):
        answer = ollama_answers(HERE, url, "phi3")
    assert answer.status == "ok"
    assert "Because the rest of it belongs to somebody else." in answer.evidence
    assert answer.evidence.endswith("…")
    assert (asked[0]["path"], asked[0]["model"], asked[0]["stream"]) == ("/api/generate", "phi3", False)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, '{"error":"model \'phi3\' not found"}', "model 'phi3' not found"),
        (200, '{"response":""}', "no text"),
        (502, "<html>bad gateway</html>", "status 502"),
        (200, "[]", "no text"),
    ],
)
def test_what_is_no_answer_fails_and_says_why(status, body, said) -> None:
    with ollama(status, body) as (url, _):
        answer = ollama_answers(HERE, url)
    assert answer.status == "fail"
    assert said in answer.evidence
    assert "ollama pull phi3" in answer.hint


@pytest.mark.parametrize(("lab", "status"), [({"tier": "root"}, "skip"), (None, "skip")])
def test_where_nothing_is_installed_nothing_is_asked(lab, status, monkeypatch) -> None:
    monkeypatch.setattr(installation, "look", lambda machine: (installation.NONE, "debian 12"))

    class Here(dict):
        def __init__(self) -> None:
            super().__init__(fooocus=HERE)
            self.lab, self.machines, self.params = lab, self, SimpleNamespace(path=Path("home.yaml"))

    answer = ollama_answers(installation.seat(Here(), "fooocus"))
    assert (answer.status, answer.vantage) == (status, "fooocus")
    assert "Shown, not done" in answer.evidence
    assert ollama_answers(installation.seat(Here(), "nowhere")).status == "skip"
