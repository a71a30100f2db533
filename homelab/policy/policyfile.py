"""Edit a policy file (HuJSON: JSON with comments and trailing commas) without losing a comment.

An edit is spliced into the text, so every other character stays as it was. A section is named by its
key, such as ``"grants"``, or by the way to it: ``("autoApprovers", "routes")``. One that is not there
yet is made. What is taken out leaves its comments behind: somebody wrote them for somebody.
"""

from __future__ import annotations

import json
import re
from typing import Any

from homelab.errors import HomelabError
from homelab.policy import hujson

Section = str | tuple[str, ...]
Path = tuple[str | int, ...]
PLACE = "the policy"


def data(text: str) -> dict[str, Any]:
    """The policy in `text` as plain data.

    Raises:
        HomelabError: it is not HuJSON, or no object.
    """
    found = hujson.data(text)
    if not isinstance(found, dict):
        raise HomelabError("the policy must be an object, { … }", PLACE)
    return found


def with_key(text: str, section: Section, key: str, value: object) -> str:
    """`text` with `key` set in the object `section`, such as ``tagOwners``; unchanged if it is so already.

    Raises:
        HomelabError: it is not HuJSON, `section` is no object, or `key` has another value that somebody chose.
    """
    now = _section(text, section, {})
    if key in now:
        if now[key] == value:
            return text
        raise HomelabError(
            f"{_words(section)} has {key!r} already, with another value: {json.dumps(now[key])}", PLACE
        )
    return _added(text, _path(section), f"{json.dumps(key)}: {json.dumps(value)}", "{")


def with_item(text: str, section: Section, value: object) -> str:
    """`text` with `value` as the last item of the list `section`, such as ``grants``; unchanged if it is in it.

    Raises:
        HomelabError: it is not HuJSON, or `section` is no list.
    """
    if value in _section(text, section, []):
        return text
    return _added(text, _path(section), json.dumps(value), "[")


def without_key(text: str, section: Section, key: str) -> str:
    """`text` without `key` in the object `section`; unchanged if it is not in it.

    Raises:
        HomelabError: it is not HuJSON, or `section` is no object.
    """
    return _removed(text, _path(section), key) if key in _section(text, section, {}) else text


def without_item(text: str, section: Section, value: object) -> str:
    """`text` without the item `value` of the list `section`, wherever it is in it; unchanged if it is not.

    Raises:
        HomelabError: it is not HuJSON, or `section` is no list.
    """
    while value in (items := _section(text, section, [])):
        text = _removed(text, _path(section), items.index(value))
    return text


def changed_item(text: str, section: Section, old: object, new: object) -> str:
    """`text` with the item `old` of the list `section` become `new`; unchanged if only `new` is in it.

    Of an object only the keys that differ are touched.

    Raises:
        HomelabError: it is not HuJSON, `section` is no list, or neither is in it.
    """
    items = _section(text, section, [])
    if old not in items:
        if new in items:
            return text
        raise HomelabError(f"{_words(section)} has no item {json.dumps(old)}", PLACE, "was it edited since?")
    path: Path = (*_path(section), items.index(old))
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return _replaced(text, path, new)
    for key in [k for k in old if k not in new]:
        text = _removed(text, path, key)
    for key, value in new.items():
        if key not in old:
            text = _added(text, path, f"{json.dumps(key)}: {json.dumps(value)}", "{")
        elif old[key] != value:
            text = _replaced(text, (*path, key), value)
    return text


def _path(section: Section | Path) -> Path:
    return (section,) if isinstance(section, str) else section


def _words(section: Section | Path) -> str:
    return ".".join(str(s) for s in _path(section))


def _section(text: str, section: Section, kind: Any) -> Any:
    """The data of `section`; an empty `kind` where there is none.

    Raises:
        HomelabError: it, or what it is in, is something else.
    """
    found: Any = data(text)
    path = _path(section)
    for depth, name in enumerate(path, 1):
        found = found.get(name, kind if depth == len(path) else {})
        wanted = kind if depth == len(path) else {}
        if not isinstance(found, type(wanted)):
            word = "a list" if isinstance(wanted, list) else "an object"
            raise HomelabError(f"{_words(path[:depth])} must be {word}, {json.dumps(wanted)}", PLACE)
    return found


def _find(text: str, path: Path) -> tuple[hujson.Value, int]:
    """The innermost value on `path` that is there, and how many of its names were found."""
    value = hujson.places(text)
    for depth, name in enumerate(path):
        inner = next((e.value for e in value.entries if e.key == name), None)
        if inner is None:
            return value, depth
        value = inner
    return value, len(path)


def _added(text: str, path: Path, entry: str, opening: str) -> str:
    """`text` with `entry` last in the container at `path`; what is missing of it is made, one level a line."""
    found, depth = _find(text, path)
    step = _step(text)
    missing = path[depth:]
    level = depth + len(missing)
    for n, name in enumerate(reversed(missing)):
        left, right = ("{}", "[]")[n == 0 and opening == "["]
        entry = f"{json.dumps(name)}: {left}\n{step * (level - n + 1)}{entry},\n{step * (level - n)}{right}"
    end = found.end - 1
    plain = not any(e.value.opening for e in found.entries)
    inline = plain and found.entries and "\n" not in text[found.start : found.end]
    comma = "" if not found.entries or found.entries[-1].comma >= 0 else ","
    last = found.entries[-1].value.end if found.entries else end
    if inline and depth:
        return text[:last] + comma + text[last:end].rstrip() + f" {entry}" + text[end:]
    head = (text[:last] + comma + text[last:end]).rstrip(" \t")
    if not head.endswith("\n"):
        head += "\n"
    return head + step * (depth + 1) + entry + ",\n" + step * depth + text[end:]


def _step(text: str) -> str:
    """What the file itself indents by."""
    found = re.search(r"^[ \t]+(?=\S)", text, re.MULTILINE)
    return found.group() if found else "  "


def _replaced(text: str, path: Path, value: object) -> str:
    found, _ = _find(text, path)
    kept = hujson.comments(text[found.start : found.end])
    return text[: found.start] + _before(kept, text, found.start) + json.dumps(value) + text[found.end :]


def _removed(text: str, path: Path, key: str | int) -> str:
    inside, _ = _find(text, path)
    at = next(n for n, e in enumerate(inside.entries) if e.key == key)
    entry = inside.entries[at]
    start, end = entry.start, entry.value.end
    if entry.comma >= 0:
        kept = hujson.comments(text[start : entry.comma])
        end = entry.comma + 1
    else:
        kept = hujson.comments(text[start:end])
        if at and (comma := inside.entries[at - 1].comma) >= 0:  # it was the last: none may be left before it
            text = text[:comma] + text[comma + 1 :]
            start, end = start - 1, end - 1
    left = text[:start] + _before(kept, text, start)
    right = text[end:]
    line = left.rpartition("\n")[2]
    if not line.strip() and "\n" in left and right.lstrip(" \t").startswith("\n"):
        return left[: len(left) - len(line)] + right.lstrip(" \t")[1:]  # the line is empty now
    if right.startswith(" ") and line.endswith((" ", "[", "{")):
        right = right[1:]
    elif right.startswith(("]", "}")):
        left = left.rstrip(" ")
    return left + right


def _before(kept: list[str], text: str, at: int) -> str:
    """The comments `kept` as they stand before what is at `at`: a line of its own for each that needs one."""
    blank = re.match(r"[ \t]*", text[text.rfind("\n", 0, at) + 1 :])
    indent = blank.group() if blank else ""
    return "".join(c + ("\n" + indent if c.startswith("//") else " ") for c in kept)
