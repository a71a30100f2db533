"""How an answer of OpenAI's API ends: whole, or cut short by whoever closed the connection politely."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from homelab.llm.engine import EngineGone, elsewhere
from homelab.llm.openai import OpenAI

PIECE = {"choices": [{"text": " a", "finish_reason": None}]}
LAST = {"choices": [{"text": "", "finish_reason": "length"}]}


class Answers:
    """A session whose every answer is `lines`, and then the end of the connection."""

    def __init__(self, *lines: Any) -> None:
        self.data = [f"data: {x if isinstance(x, str) else json.dumps(x)}\n\n".encode() for x in lines]

    def get(self, url: str) -> None:
        pass

    def post(self, url: str, **more: Any) -> Answers:
        rest = iter(self.data)
        self.raw = SimpleNamespace(read1=lambda size: next(rest, b""))
        return self

    status_code = 200

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def ask(*lines: Any):
    return OpenAI(Answers(*lines), "http://x", "m").generate(16, 32, 1)  # type: ignore[arg-type]


def test_an_answer_that_ends_politely_in_the_middle_is_cut_short() -> None:
    with pytest.raises(EngineGone, match="in the middle of an answer: cut short after 5 of 32 tokens"):
        ask(*[PIECE] * 5)


@pytest.mark.parametrize("end", [LAST, "[DONE]"])
def test_one_that_says_its_end_is_whole(end: Any) -> None:
    assert ask(*[PIECE] * 5, end).tokens == 5


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:11434", ""),
        ("http://localhost:8000", ""),
        ("http://[::1]:8000", ""),
        ("http://tequila:11434", "tequila"),
        ("http://100.64.0.7:8080", "100.64.0.7"),
    ],
)
def test_where_an_engine_is(url: str, host: str) -> None:
    assert elsewhere(url) == host


def test_an_end_alone_is_no_answer() -> None:
    with pytest.raises(EngineGone, match="before it began"):
        ask("[DONE]")
