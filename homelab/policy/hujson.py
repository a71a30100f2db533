"""Read HuJSON, JSON with comments and trailing commas, and know where in the text each value stands.

Source: https://github.com/tailscale/hujson. (The library that keeps comments, json-five, writes the
same files as json5, which JupyterLab needs: one of the two would be broken.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from homelab.errors import HomelabError

_TOKEN = re.compile(
    r"""(?P<blank>\s+) | (?P<comment>//[^\n]* | /\*.*?\*/) | (?P<text>"(?:\\.|[^"\\])*") | (?P<mark>[][{},:]) | (?P<word>[^][{},:\s"/]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Value:
    """One value: its text is from `start` to `end`; `opening` is ``{`` or ``[``, or nothing for a plain one."""

    start: int
    end: int = -1
    opening: str = ""
    entries: list[Entry] = field(default_factory=list)


@dataclass
class Entry:
    """An item of a list or a pair of an object: `start` is where its key or its value begins.

    `comma` is the position of the comma after it, or -1.
    """

    key: str | int
    start: int
    value: Value
    comma: int = -1


def data(text: str) -> Any:
    """What `text` says, as plain data.

    Raises:
        HomelabError: it is not HuJSON; with line and column.
    """
    try:
        return json.loads(_plain(text))
    except (ValueError, RecursionError) as error:
        raise HomelabError(f"the policy is not HuJSON: {error}", "the policy") from error


def places(text: str) -> Value:
    """Where the values of `text` stand, which must be good HuJSON (see `data`)."""
    root = Value(0, len(text))
    open_values = [root]
    key, start, before = "", -1, ""
    for at, end, kind, token in _tokens(text):
        inside = open_values[-1]
        if kind in ("comment", "blank"):
            continue
        if token in ("}", "]"):
            open_values.pop().end = end
        elif token == ",":
            inside.entries[-1].comma = at
        elif inside.opening == "{" and before in ("{", ","):
            key, start = json.loads(token), at
        elif token != ":":
            value = Value(at, end, token if token in ("{", "[") else "")
            named = inside.opening == "{"
            name: str | int = key if named else len(inside.entries)
            inside.entries.append(Entry(name, start if named else at, value))
            if value.opening:
                open_values.append(value)
        before = token
    return root.entries[0].value


def comments(text: str) -> list[str]:
    """The comments in `text`, a piece of HuJSON, in their order."""
    return [token for _, _, kind, token in _tokens(text) if kind == "comment"]


def _plain(text: str) -> str:
    """`text` as JSON of the same length: blanks for comments and for commas that nothing follows."""
    out = [" "] * len(text)
    comma, before = -1, ""
    last = 0
    for at, end, kind, token in _tokens(text):
        if at != last:
            raise ValueError(f"what is this: {text[last:at][:20]!r}")
        last = end
        if kind in ("comment", "blank"):
            out[at:end] = [c if c == "\n" else " " for c in token]
            continue
        if token in ("}", "]") and comma >= 0 and before == ",":
            out[comma] = " "
        if token == ",":
            comma = at if before not in ("", "{", "[", ",", ":") else -1
        out[at:end] = token
        before = token
    if last != len(text):
        raise ValueError(f"what is this: {text[last:][:20]!r}")
    return "".join(out)


def _tokens(text: str) -> Iterator[tuple[int, int, str, str]]:
    for match in _TOKEN.finditer(text):
        yield match.start(), match.end(), str(match.lastgroup), match.group()
