"""Two edits of one policy, each made without knowing of the other, as one text: section by section, not line by line.

Two chapters that both add a section put it in the same place, at the end of the file: to `diff3` that is a conflict,
to the policy it is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from homelab.errors import HomelabError
from homelab.policy import policyfile
from homelab.three_way import Disagree

Path = tuple[str, ...]


def merged(base: str, one: str, other: str) -> str:
    """The text `one`, and in it all that was changed from `base` to `other`; comments stay as `one` has them.

    Raises:
        Disagree: both have changed the same, and differently; or a text is no policy.
    """
    if other in (base, one):
        return one
    if one == base:
        return other
    try:
        old, mine, theirs = (policyfile.data(text) for text in (base, one, other))
        return _objects(one, (), old, mine, theirs)
    except HomelabError as error:
        raise Disagree(error.what) from error


def _objects(
    text: str, path: Path, old: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]
) -> str:
    for key in [k for k in old if k not in theirs and k in mine]:
        if mine[key] != old[key]:
            raise Disagree(".".join((*path, key)))
        text = policyfile.without_key(text, path, key)
    for key, wanted in theirs.items():
        if key in old and old[key] == wanted:
            continue
        text = _value(text, path, key, old.get(key), mine.get(key), wanted)
    return text


def _value(text: str, path: Path, key: str, old: Any, mine: Any, wanted: Any) -> str:
    """`text` with what became of the value of `key`; None: it is not there."""
    at = (*path, key)
    if mine == wanted:
        return text
    goes_on = mine is not None or (old is None and bool(wanted))  # else it was taken out, or is empty
    for kind, inner in _WITHIN:
        if goes_on and isinstance(wanted, kind) and all(isinstance(x, kind | None) for x in (old, mine)):
            return inner(text, at, old or kind(), mine or kind(), wanted)
    if mine != old:
        raise Disagree(".".join(at))
    return policyfile.with_key(policyfile.without_key(text, path, key), path, key, wanted)


def _items(text: str, path: Path, old: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    gone = [item for item in old if item not in theirs]
    new = [item for item in theirs if item not in old]
    if new and any(item not in mine for item in gone):  # which of the new ones is it become?
        raise Disagree(".".join(path))
    if len(gone) == len(new) == 1:
        return policyfile.changed_item(text, path, gone[0], new[0])
    for item in gone:
        text = policyfile.without_item(text, path, item)
    for item in new:
        text = policyfile.with_item(text, path, item)
    return text


_WITHIN: tuple[tuple[type[Any], Callable[..., str]], ...] = ((dict, _objects), (list, _items))
