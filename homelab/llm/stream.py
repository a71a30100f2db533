"""An answer that comes in pieces: each line of it with the moment in which it arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from homelab.clients.json_api import ApiError
from homelab.errors import NoAnswer
from homelab.llm.engine import EngineGone

if TYPE_CHECKING:
    import requests

TIMEOUT = 300.0  # seconds between two pieces: a long prompt on a slow CPU says nothing for minutes
clock = time.monotonic
DONE = {"done": True}  # how a reader sees the line "[DONE]": the answer is whole


def pieces(session: requests.Session, url: str, body: dict[str, Any]) -> Iterator[tuple[float, Any]]:
    """Post `body`, and yield each JSON document of the answer with its time of arrival.

    The connection ends with the answer: some servers close it then without saying so, and the next question
    would be lost on it. Lines of server-sent events and of newline-delimited JSON are understood alike;
    a server that says ``[DONE]`` gives `DONE` last.

    Raises:
        ApiError: the server refuses, or reports an error in the middle of the answer.
        EngineGone: it stops in the middle.
        NoAnswer: nobody answers.
    """
    for at, line in _answer(session, url, body):
        yield from _read(at, line, url)


def collected(session: requests.Session, url: str, body: dict[str, Any]) -> list[tuple[float, Any]]:
    """The same, read only when all is there: an engine that decodes on every processor should not wait for us.

    Raises:
        ApiError, EngineGone, NoAnswer: see `pieces`.
    """
    lines = list(_answer(session, url, body))
    return [piece for at, line in lines for piece in _read(at, line, url)]


def _answer(session: requests.Session, url: str, body: dict[str, Any]) -> Iterator[tuple[float, bytes]]:
    headers = {"Connection": "close"}
    with session.post(url, json=body, stream=True, timeout=TIMEOUT, headers=headers) as got:
        if got.status_code >= 400:
            raise ApiError(_said(got.text), url, "", got.status_code)
        yield from _lines(got, url)


def _read(at: float, line: bytes, url: str) -> Iterator[tuple[float, Any]]:
    text = line.removeprefix(b"data:").strip()
    if not text or text.startswith(b":"):
        return
    if text == b"[DONE]":
        yield at, DONE
        return
    try:
        document = json.loads(text)
    except ValueError:
        raise ApiError(f"this is no JSON: {text[:60]!r}", url, "which program listens there?") from None
    if isinstance(document, dict) and document.get("error"):
        raise ApiError(_said(json.dumps(document)), url)
    yield at, document


def _lines(got: requests.Response, url: str) -> Iterator[tuple[float, bytes]]:
    import urllib3

    rest = b""
    while True:
        try:
            data = got.raw.read1(65536)  # what is there, at once: a larger read would wait for more
        except (urllib3.exceptions.HTTPError, OSError, ValueError, NoAnswer) as error:
            raise EngineGone(
                "the engine stopped in the middle of an answer", url, "does it still run? its log says why"
            ) from error
        at = clock()
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield at, line
    if rest:
        yield clock(), rest


def _said(text: str) -> str:
    try:
        found = json.loads(text).get("error", text)
    except (ValueError, AttributeError):
        found = text
    return str(found.get("message", found) if isinstance(found, dict) else found).strip()[:300]
