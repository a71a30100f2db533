"""A lab's socket without a lab: it answers `status` and `link` as the real one does, and nothing else."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import status_document


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, Any]]:
    """Serve at ``folder/lab.sock``; yields the status document, which `link` requests change."""
    document = {**status_document.of(), "socket": str(folder / "lab.sock"), "state": str(folder)}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(
                json.dumps(_answer(document, json.loads(self.rfile.readline()))).encode() + b"\n"
            )

    with socketserver.ThreadingUnixStreamServer(str(folder / "lab.sock"), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield document
        server.shutdown()


def _answer(document: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "status":
        return document
    machine = request["machine"]
    network = request["network"] or next(iter(document["machines"][machine]["addresses"]))
    link = status_document.link(document, machine, network)
    link.update(request["set"])
    return {"link": link}
