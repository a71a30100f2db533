"""Edit a policy file (HuJSON: JSON with comments and trailing commas) without losing a comment.

The text is parsed by `json5`; an edit is spliced in at the place that the parser names, so every
other character stays as it was.
"""

from __future__ import annotations

import json
from typing import Any

from json5 import loads
from json5.loader import ModelLoader

from homelab.errors import HomelabError


def _step(text: str) -> str:
    """One level of indentation, as the author of `text` does it."""
    return "\t" if "\n\t" in text else "  "


def data(text: str) -> dict[str, Any]:
    """The policy in `text` as plain data.

    Raises:
        HomelabError: it is not HuJSON.
    """
    found = _read(text, None)
    if not isinstance(found, dict):
        raise HomelabError("the policy is not an object in braces", "the policy")
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
    root = _read(text, ModelLoader()).value  # the parser's model is typed too loosely to say more
    for key, value in zip(root.keys, root.values, strict=True):
        if key.characters == section:
            return _spliced(text, value, entry, 2)
    step = _step(text)
    return _spliced(text, root, f'"{section}": {opening}\n{step * 2}{entry},\n{step}{closing}', 1)


def _spliced(text: str, container: Any, entry: str, depth: int) -> str:
    end = container._end_tok.index  # of the closing bracket
    if container.values:
        last = container.values[-1]._end_tok or container.values[-1]._tok
        if container.trailing_comma is None:
            text = text[: last.end] + "," + text[last.end :]
            end += 1
    head = text[:end].rstrip(" \t")
    if not head.endswith("\n"):
        head += "\n"
    step = _step(text)
    return head + step * depth + entry + ",\n" + step * (depth - 1) + text[end:]


def _read(text: str, loader: ModelLoader | None) -> Any:
    try:
        return loads(text, loader=loader) if loader else loads(text)
    except Exception as error:  # the parser's own errors have no common base but this
        raise HomelabError(f"the policy is not HuJSON: {error}", "the policy") from error
