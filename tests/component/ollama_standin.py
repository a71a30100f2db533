"""A stand-in of Ollama's server for tests: its HTTP API as documented, a pace of its own, and ways to fail.

The real client, PyPI's `ollama`, is its judge. Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STAMP = "2026-11-27T12:00:00Z"
LAYERS = {"sha256:" + "a" * 64: 1000, "sha256:" + "b" * 64: 50}
INFO = {
    "general.architecture": "llama", "general.parameter_count": 134515008, "llama.context_length": 8192,
    "llama.block_count": 30, "llama.attention.head_count": 9, "llama.attention.head_count_kv": 3,
    "llama.embedding_length": 576,
}  # fmt: skip


class Standin(ThreadingHTTPServer):
    """What it has (`models`), what its registry offers, and what it was asked; `dies_after` so many pieces."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models = {"smollm2:135m": 98_362_432}
        self.offered = {"llama3.2:1b": 1050}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.dies_after = 0
        self.error = ""
        self.loaded: dict[str, int] = {}
        self.pace = 0.002  # seconds a token

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def standin() -> Iterator[Standin]:
    """One that runs while its block does."""
    made = Standin()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Standin
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        answers = {
            "/api/version": lambda: {"version": "0.17.4"},
            "/api/tags": lambda: {"models": [self._model(n) for n in self.server.models]},
            "/api/ps": lambda: {
                "models": [
                    {**self._model(n), "expires_at": STAMP, "size_vram": 0, "context_length": c}
                    for n, c in self.server.loaded.items()
                ]
            },
        }
        self._answer(200, answers[self.path]()) if self.path in answers else self._answer(404, {"error": "?"})

    def do_DELETE(self) -> None:
        name = self._body()["model"]
        there = self.server.models.pop(name, None)
        self._answer(200, {}) if there else self._answer(404, {"error": f"model '{name}' not found"})

    def do_POST(self) -> None:
        body = self._body()
        self.server.asked.append((self.path, body))
        name = body.get("model", "")
        if self.path == "/api/pull":
            return self._stream(self._pull(name))
        if name not in self.server.models:
            return self._answer(404, {"error": f"model '{name}' not found"})
        if self.path == "/api/show":
            details = self._model(name)["details"]
            return self._answer(200, {"details": details, "model_info": INFO, "modified_at": STAMP})
        self.server.loaded[name] = body.get("options", {}).get("num_ctx", 4096)
        if not body.get("prompt"):
            return self._answer(
                200,
                {"model": name, "created_at": STAMP, "response": "", "done": True, "done_reason": "load"},
            )
        if self.server.error:
            return self._answer(500, {"error": self.server.error})
        return self._stream(self._generate(name, body))

    def _generate(self, name: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        prompt, made = len(body["prompt"].split()), body["options"]["num_predict"]
        time.sleep(prompt * self.server.pace / 10)
        for n in range(made):
            if n:
                time.sleep(self.server.pace)
            yield {"model": name, "created_at": STAMP, "response": " a", "done": False}
        yield {
            "model": name, "created_at": STAMP, "response": "", "done": True, "done_reason": "length",
            "total_duration": 1, "load_duration": 1, "prompt_eval_count": prompt,
            "prompt_eval_duration": int(prompt * self.server.pace / 10 * 1e9),
            "eval_count": made, "eval_duration": int((made - 1) * self.server.pace * 1e9),
        }  # fmt: skip

    def _pull(self, name: str) -> Iterator[dict[str, Any]]:
        yield {"status": "pulling manifest"}
        if name not in self.server.offered:
            yield {"error": "pull model manifest: file does not exist"}
            return
        for digest, size in LAYERS.items():
            for part in (0, size // 2, size):
                yield {
                    "status": f"pulling {digest[7:19]}",
                    "digest": digest,
                    "total": size,
                    "completed": part,
                }
        yield {"status": "verifying sha256 digest"}
        yield {"status": "writing manifest"}
        self.server.models[name] = self.server.offered[name]
        yield {"status": "success"}

    def _model(self, name: str) -> dict[str, Any]:
        details = {
            "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"],
            "parameter_size": "134.52M", "quantization_level": "Q4_1",
        }  # fmt: skip
        return {
            "name": name, "model": name, "modified_at": STAMP, "size": self.server.models[name],
            "digest": "c" * 64, "details": details,
        }  # fmt: skip

    def _body(self) -> dict[str, Any]:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, pieces: Iterator[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        if self.close_connection:  # as asked; a client that is not told would ask here again
            self.send_header("Connection", "close")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n, piece in enumerate(pieces, 1):
            data = json.dumps(piece).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            if n == self.server.dies_after:
                self.close_connection = True
                self.connection.close()
                return
        self.wfile.write(b"0\r\n\r\n")
