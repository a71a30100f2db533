"""A stand-in for Fooocus and for Fooocus-API: the same HTTP interface, and a picture of one colour instead of a painted one.

Its answers have the shape of those that Gradio 3.41.2 gave us for a page with Fooocus' button and chain of functions.
"""

from __future__ import annotations

import base64
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SIZES = ["704×1408 <span> ∣ 1:2</span>", "1152×896 <span> ∣ 9:7</span>"]
SPEEDS = ["Quality", "Speed", "Extreme Speed", "Lightning", "Hyper-SD"]
PATH = "/tmp/gradio/1/picture.png"


def _part(number: int, kind: str, **props: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "props": props}


CONTROLS = [
    _part(1, "state"),
    _part(16, "checkbox", label="Generate Image Grid for Each Batch", value=False),
    _part(6, "textbox", elem_id="positive_prompt", value=""),
    _part(13, "textbox", label="Negative Prompt", elem_id="negative_prompt", value="unrealistic"),
    _part(9, "radio", label="Performance", choices=[[s, s] for s in SPEEDS], value="Speed"),
    _part(10, "radio", label="Aspect Ratios", choices=SIZES, value=SIZES[1]),
    _part(11, "slider", label="Image Number", value=2),
    _part(12, "radio", label="Output Format", choices=["png", "jpeg"], value="jpeg"),
    _part(15, "textbox", label="Seed", value="0"),
    _part(17, "image", label="Image", value=None),
    _part(18, "slider", label="Sampling Sharpness", value=2.0),
]
CONFIG = {
    "version": "3.41.2",
    "title": "Fooocus 2.5.5",
    "components": [
        *CONTROLS,
        _part(14, "checkbox", label="Random", value=True),
        _part(7, "button", elem_id="generate_button"),
        _part(2, "html"), _part(3, "image"), _part(4, "gallery"), _part(5, "gallery"),
    ],
    "dependencies": [
        {"targets": [99], "inputs": [6], "outputs": [], "trigger_after": None},  # another button, and the prompt
        {"targets": [7], "inputs": [], "outputs": [7, 5], "trigger_after": None},
        {"targets": [7], "inputs": [14, 15], "outputs": [15], "trigger_after": 1},
        {"targets": [7], "inputs": [p["id"] for p in CONTROLS], "outputs": [1], "trigger_after": 2},
        {"targets": [7], "inputs": [1], "outputs": [2, 3, 4, 5], "trigger_after": 3},
    ],
}  # fmt: skip
TAKE, PAINT = 3, 4


def png(shade: int) -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes([0, shade % 256]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class StandIn:
    """What it was asked (`tasks`), and how it is broken: ``dies``, ``empty``, ``refuses``, ``garbage``, ``lost``."""

    def __init__(self, kind: str = "fooocus", broken: str = "") -> None:
        self.kind, self.broken = kind, broken
        self.tasks: list[list[Any]] = []
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        self.url = ""

    def get(self, path: str) -> tuple[int, bytes]:
        if self.broken == "password":
            return 401, b'{"detail":"Not authenticated"}'
        if path == "/config" and self.kind == "fooocus":
            return 200, json.dumps(CONFIG).encode()
        if path == "/config" and self.kind == "gradio":
            return 200, json.dumps(
                CONFIG | {"title": "Chat", "dependencies": CONFIG["dependencies"][:1]}
            ).encode()
        if path == "/ping" and self.kind == "api":
            return 200, b'"pong"'
        if path == f"/file={PATH}" and self.broken != "lost":
            return 200, b"<html>" if self.broken == "garbage" else png(len(self.tasks))
        return 404, b"<html>nothing here</html>"

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if path == "/v1/generation/text-to-image" and self.kind == "api":
            return self._rest(body)
        if path != "/run/predict":
            return 404, b"{}"
        if self.broken == "refuses":
            return 500, b'{"error":"CUDA out of memory"}'
        if body["fn_index"] == TAKE:
            assert len(body["data"]) == len(CONTROLS)
            self.tasks.append(body["data"])
            self.sessions[body["session_hash"]] = self._course()
            return 200, json.dumps({"data": [None], "is_generating": False}).encode()
        assert body["fn_index"] == PAINT
        left = self.sessions.get(body["session_hash"], [])
        said = left.pop(0) if left else {"data": [None] * 4, "is_generating": False}
        return (500, b"Internal Server Error") if said is DEAD else (200, json.dumps(said).encode())

    def _course(self) -> list[Any]:
        """Signs of life: waiting, a step, a picture on its way, the picture."""
        none, hidden = {"__type__": "update"}, {"visible": False, "__type__": "update"}
        word = {"visible": True, "value": "<p>Sampling step 1/30</p>", "__type__": "update"}
        shown = {
            "visible": True,
            "value": [{"name": PATH, "data": None, "is_file": True}],
            "__type__": "update",
        }
        course: list[Any] = [{"data": [word, none, hidden, hidden], "is_generating": True}] * 2
        if self.broken == "dies":
            return [*course, DEAD]
        if self.broken == "empty":
            return course
        return [
            *course,
            {"data": [word, word, shown, hidden], "is_generating": True},
            {"data": [hidden, hidden, hidden, shown], "is_generating": True},
        ]

    def _rest(self, body: dict[str, Any]) -> tuple[int, bytes]:
        self.tasks.append([body])
        if self.broken == "refuses":
            return 422, b'{"detail":[{"loc":["body","prompt"],"msg":"field required","type":"missing"}]}'
        data = "%%%" if self.broken == "garbage" else base64.b64encode(png(1)).decode()
        reason = "ERROR" if self.broken == "empty" else "SUCCESS"
        return 200, json.dumps([{"base64": data, "url": None, "seed": "1", "finish_reason": reason}]).encode()


DEAD = object()


@contextmanager
def serving(kind: str = "fooocus", broken: str = "") -> Iterator[StandIn]:
    """The stand-in on a port of the loopback."""
    stand_in = StandIn(kind, broken)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # named by the library
            self._answer(*stand_in.get(self.path))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer(*stand_in.post(self.path, json.loads(self.rfile.read(length))))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield stand_in
        server.shutdown()
