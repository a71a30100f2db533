"""Outputs that stay as they are committed, to the byte, wherever a new run differs in volatile things only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any
from urllib.parse import unquote

from homelab.pictures.embedded import drawing
from homelab.runner.volatile import PADDING, normal

Output = dict[str, Any]

_PICTURE = "image/"
# Of a line of a drawing: its words and its ink, and what is only where it is drawn.
_KEPT = re.compile(r"""(>(?!\d+<)[^<]*<|style="[^"]*"|#[0-9a-f]{6}\b)""")
_PLACE = re.compile(r"-?\d+(?:\.\d+)?|\b[pm][0-9a-f]{10}\b")


def settled(old: list[Output], new: list[Output]) -> list[Output]:
    """The outputs `new`, with the bytes of `old` wherever both say the same."""
    was, now = [_saying(output) for output in old], [_saying(output) for output in new]
    result: list[Output] = []
    for same, a, b, c, d in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if same == "equal":
            result += old[a:b]
        else:
            pairs = list(zip_longest(old[a:b], new[c:d]))[: d - c]
            result += [_output(before, after) for before, after in pairs]
    return result


def _saying(output: Output) -> str:
    """What `output` says, whatever is volatile in it."""
    said = {mime: _loose(mime, value) for mime, value in output.get("data", {}).items()}
    text = _loose("text/plain", output.get("text", []))
    return json.dumps([output["output_type"], output.get("name"), text, said], sort_keys=True)


def _loose(mime: str, value: Any) -> Any:
    if not isinstance(value, (str, list)) or mime.endswith("json"):
        return normal(json.dumps(value, sort_keys=True, ensure_ascii=False))
    text = "".join(value)
    if drawn := drawing(text):  # the same strokes and words: how many pings there were moves them about
        return sorted({_stroke(line) for line in drawn[0].splitlines()})
    if mime.startswith(_PICTURE):
        return text
    return re.sub(PADDING, "  ", normal(text))


def _stroke(line: str) -> str:
    """A line of a drawing, wherever it is drawn."""
    parts = _KEPT.split(normal(line))
    return "".join(part if number % 2 else _PLACE.sub("", part) for number, part in enumerate(parts))


def _output(old: Output | None, new: Output) -> Output:
    if old is None or any(old.get(key) != new.get(key) for key in ("output_type", "name")):
        return new
    result = dict(new)
    if "text" in new:
        result["text"] = _lines(old["text"], new["text"])
    if "data" in new:
        before = old.get("data", {})
        result["data"] = {
            mime: _entry(mime, before[mime], value) if mime in before else value
            for mime, value in new["data"].items()
        }
    return result


def _entry(mime: str, old: Any, new: Any) -> Any:
    if _loose(mime, old) == _loose(mime, new):
        return old
    if mime.endswith("json"):
        return _record(old, new)
    if isinstance(old, list) and isinstance(new, list):
        # In a drawing's line there are escapes, and a colour after one looks like an id.
        return _lines(old, new, unquote if drawing("".join(new)) else str)
    return new


def _lines(old: list[str], new: list[str], read: Callable[[str], str] = str) -> list[str]:
    was, now = [normal(read(line)) for line in old], [normal(read(line)) for line in new]
    result: list[str] = []
    for same, a, b, c, d in SequenceMatcher(None, was, now).get_opcodes():
        result += old[a:b] if same == "equal" else new[c:d]
    return result


def _record(old: Any, new: Any, key: str = "") -> Any:
    if normal(json.dumps({key: old})) == normal(json.dumps({key: new})):
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        return {name: _record(old.get(name), value, name) for name, value in new.items()}
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [_record(before, after) for before, after in zip(old, new, strict=True)]
    return new
