"""Edit a policy file (HuJSON: JSON with comments and trailing commas) without losing a comment.

The text is cut into tokens; an edit is spliced in before the bracket that closes its section, so
every other character stays as it was. (The library that keeps comments, json-five, writes the same
files as json5, which JupyterLab needs: one of the two would be broken.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import json5

from homelab.errors import HomelabError

_TOKEN = re.compile(
    r"""(?P<blank>\s+ | //[^\n]* | /\*.*?\*/) | (?P<text>"(?:\\.|[^"\\])*") | (?P<mark>[][{},:]) | (?P<word>[^][{},:\s"/]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _Container:
    """Where an object or list ends: its closing bracket, and the end of the last thing in it."""

    closing: int
    last: int
    has_comma: bool
    is_empty: bool


def data(text: str) -> dict[str, Any]:
    """The policy in `text` as plain data.

    Raises:
        HomelabError: it is not HuJSON, or no object.
    """
    try:
        found = json5.loads(text)
    except (ValueError, RecursionError) as error:
        raise HomelabError(f"the policy is not HuJSON: {error}", "the policy") from error
    if not isinstance(found, dict):
        raise HomelabError("the policy must be an object, { … }", "the policy")
    return found


def with_key(text: str, section: str, key: str, value: object) -> str:
    """`text` with `key` set in the object `section`, such as ``tagOwners``; unchanged if it is so already.

    Raises:
        HomelabError: it is not HuJSON, or `key` has another value that somebody chose.
    """
    now = data(text).get(section, {})
    if key in now:
        if now[key] == value:
            return text
        raise HomelabError(
            f"{section} has {key!r} already, with another value: {json.dumps(now[key])}", "the policy"
        )
    return _added(text, section, f"{json.dumps(key)}: {json.dumps(value)}", "{", "}")


def with_item(text: str, section: str, value: object) -> str:
    """`text` with `value` as the last item of the list `section`, such as ``grants``; unchanged if it is in it.

    Raises:
        HomelabError: it is not HuJSON.
    """
    if value in data(text).get(section, []):
        return text
    return _added(text, section, json.dumps(value), "[", "]")


def _added(text: str, section: str, entry: str, opening: str, closing: str) -> str:
    found = _containers(text)
    if section in found:
        return _spliced(text, found[section], entry, 2)
    step = _step(text)
    return _spliced(text, found[""], f'"{section}": {opening}\n{step * 2}{entry},\n{step}{closing}', 1)


def _step(text: str) -> str:
    """What the file itself indents by."""
    found = re.search(r"^[ \t]+(?=\S)", text, re.MULTILINE)
    return found.group() if found else "  "


def _containers(text: str) -> dict[str, _Container]:
    """The policy's own braces, by the empty name, and its sections' by theirs."""
    found: dict[str, _Container] = {}
    depth, key, before = 0, "", (0, "")
    for at, end, token in _tokens(text):
        if token in ("}", "]"):
            depth -= 1
            if depth <= 1:
                name = key if depth else ""
                found[name] = _Container(at, before[0], before[1] == ",", before[1] in ("{", "["))
        elif token in ("{", "["):
            depth += 1
        elif depth == 1 and token not in (":", ","):
            key = json.loads(token) if token.startswith('"') else token
        before = end, token
    return found


def _tokens(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            yield match.start(), match.end(), match.group()


def _spliced(text: str, container: _Container, entry: str, depth: int) -> str:
    end, step = container.closing, _step(text)
    if not container.is_empty and not container.has_comma:
        text = text[: container.last] + "," + text[container.last :]
        end += 1
    head = text[:end].rstrip(" \t")
    if not head.endswith("\n"):
        head += "\n"
    return head + step * depth + entry + ",\n" + step * (depth - 1) + text[end:]
