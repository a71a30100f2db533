"""An answer that comes in pieces: each line of it with the moment in which it arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    for at, line in _lines(_answer(session, url, body)):
        yield from _read(at, line, url)


@dataclass(frozen=True)
class Answer:
    """A whole answer: its documents, each with its time of arrival, and the processor seconds that taking them cost us
    from the first on. An engine that decodes on every processor lost as much time to us, at most.
    """

    pieces: list[tuple[float, Any]]
    spent: float


def collected(session: requests.Session, url: str, body: dict[str, Any]) -> Answer:
    """The same, understood only when all is there: while an engine decodes, it should not wait for us.

    Raises:
        ApiError, EngineGone, NoAnswer: see `pieces`.
    """
    taken, since = [], 0.0
    for at, data in _answer(session, url, body):
        since = since or time.thread_time()
        taken.append((at, data))
    spent = time.thread_time() - since if taken else 0.0
    return Answer([piece for at, line in _lines(taken) for piece in _read(at, line, url)], spent)


def _answer(session: requests.Session, url: str, body: dict[str, Any]) -> Iterator[tuple[float, bytes]]:
    """The bytes of the answer as they come, not yet understood."""
    headers = {"Connection": "close"}
    with session.post(url, json=body, stream=True, timeout=TIMEOUT, headers=headers) as got:
        if got.status_code >= 400:
            raise ApiError(_said(got.text), url, "", got.status_code)
        yield from _arrivals(got, url)


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


def _arrivals(got: requests.Response, url: str) -> Iterator[tuple[float, bytes]]:
    import urllib3

    read = got.raw.read1  # what is there, at once: a larger read would wait for more
    try:
        while data := read(65536):
            yield clock(), data
    except (TimeoutError, urllib3.exceptions.ReadTimeoutError) as error:
        raise _silent(url) from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError, NoAnswer) as error:
        raise EngineGone(
            "the engine stopped in the middle of an answer", url, "does it still run? its log says why"
        ) from error


def _lines(arrivals: Iterable[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Whole lines, each with the time when its end came."""
    rest, at = b"", 0.0
    for at, data in arrivals:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield at, line
    if rest:
        yield at, rest


def _silent(url: str) -> EngineGone:
    what = f"the engine said nothing for {TIMEOUT:g} s in the middle of an answer"
    return EngineGone(what, url, "is it stuck, or does the machine swap? a shorter prompt, a smaller model")


def _said(text: str) -> str:
    try:
        found = json.loads(text).get("error", text)
    except (ValueError, AttributeError):
        found = text
    return str(found.get("message", found) if isinstance(found, dict) else found).strip()[:300]
