"""What two people did to the same thing, each without knowing of the other, as one state; or nothing, where they disagree.

Field by field: what only one of them changed is as that one has it. Lists are sets whose order is kept, texts of
several lines are merged by lines (as ``diff3`` does), and two different values for one thing are never guessed.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from homelab import plan as plans
from homelab.errors import HomelabError

KEY = re.compile(r"([^=:]+)=|([^=:]*[./0-9][^=:]*):")
Edit = tuple[int, int, tuple[str, ...]]  # lines [from, to) of the base, and what stands there instead


class Disagree(Exception):
    """Both have changed the same, and differently; `what` is its name."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def together(name: str, base: Any, one: Any, other: Any) -> Any:
    """As `merge`, of states of the resource `name`; or as it does itself (its function ``merge``).

    Raises:
        Disagree: see `merge`.
    """
    return getattr(plans.resource(name), "merge", merge)(base, one, other)


def merge(base: Any, one: Any, other: Any) -> Any:
    """`one`, with all that was changed from `base` to `other` as well: states of one resource.

    Raises:
        Disagree: a field was changed by both, and differently; or the result is none that the resource allows.
    """
    found: dict[str, Any] = {}
    for field in dataclasses.fields(base):
        values = (getattr(state, field.name) for state in (base, one, other))
        try:
            found[field.name] = _value(*values)
        except Disagree:
            raise Disagree(field.name.replace("_", " ")) from None
    try:
        return type(base)(**found)
    except HomelabError as error:
        raise Disagree(error.what) from error


def _value(base: Any, one: Any, other: Any) -> Any:
    if other in (base, one):
        return one
    if one == base:
        return other
    if all(isinstance(value, tuple) for value in (base, one, other)):
        return items(base, one, other)
    if all(isinstance(value, str) for value in (base, one, other)) and "\n" in one + other:
        return lines(base, one, other)
    raise Disagree("")


def items(base: Sequence[Any], one: Sequence[Any], other: Sequence[Any]) -> tuple[Any, ...]:
    """`one`, less what `other` has taken out of `base`, and with what it has put in.

    Raises:
        Disagree: the two have different items for one key (``KEY=value``, ``path:…``, or a pair's first).
    """
    removed = [item for item in base if item not in other]
    kept = [item for item in one if item not in removed]
    merged = (*kept, *(item for item in other if item not in base and item not in kept))
    for side in (one, other):
        keys = {_key(item): item for item in side}
        for item in merged:
            if keys.get(_key(item), item) != item and item not in side:
                raise Disagree(str(_key(item)))
    return merged


def _key(item: Any) -> Any:
    """What may be there once only: ``NAME`` of NAME=value, a file's path, a port; of a tag or a network, all of it."""
    if isinstance(item, tuple) and item:
        return item[0]
    found = KEY.match(str(item))
    return found[1] or found[2] if found and not _is_network(str(item)) else item


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def lines(base: str, one: str, other: str) -> str:
    """The edits of both, where they are apart from each other by at least a line.

    Raises:
        Disagree: they touch the same lines, or neighbours.
    """
    old = base.splitlines(keepends=True)
    mine, theirs = _edits(old, one), _edits(old, other)
    for low, high, text in mine:
        for start, end, said in theirs:
            if (low, high, text) != (start, end, said) and start <= high and low <= end:
                raise Disagree(f"line {max(low, start) + 1}")
    for low, high, text in sorted({*mine, *theirs}, reverse=True):
        old[low:high] = text
    return "".join(old)


def _edits(old: Sequence[str], text: str) -> list[Edit]:
    new = text.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [(i, j, tuple(new[k:m])) for tag, i, j, k, m in matcher.get_opcodes() if tag != "equal"]
