"""YAML that knows its lines, and pydantic models checked against it with all problems at once.

A leaf module: it imports nothing of ours but the errors, so that the lab may use it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from homelab.errors import ParamsError, Problem, nearest

LARGEST = 1_000_000  # bytes; a params file is a page or two
DEEPEST = 40  # levels of nesting

KeyPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Plain data, and the 1-based line of every key path in it; `faults` are those that `load` let pass."""

    source: str
    data: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: tuple[tuple[KeyPath, Problem], ...] = ()

    def where(self, path: Iterable[str | int]) -> str:
        """``file:line`` of `path`, or of the nearest key above it that the file has."""
        keys = tuple(path)
        while keys and keys not in self.lines:
            keys = keys[:-1]
        line = self.lines.get(keys)
        return f"{self.source}:{line}" if line else self.source

    def under(self, key: str) -> Document:
        """The document below `key`, with its lines kept; empty when there is no such key."""
        data = self.data.get(key) if isinstance(self.data, dict) else None
        lines = {p[1:]: n for p, n in self.lines.items() if p[:1] == (key,)}
        faults = tuple((p[1:] if p[:1] == (key,) else p, problem) for p, problem in self.faults)
        return Document(self.source, data, lines, faults)


def load(path: str | Path, *, lenient: bool = False) -> Document:
    """Read a YAML file of plain data: no aliases, no tags, no duplicate keys, UTF-8 text.

    With `lenient` what is wrong with single keys and values becomes the document's `faults`, for a caller
    who says it together with what else is wrong.

    Raises:
        ParamsError: the file is missing, not readable, not such YAML, or empty.
    """
    source = str(path)

    def refuse(what: str, hint: str, line: int | None = None) -> ParamsError:
        return ParamsError([Problem(f"{source}:{line}" if line else source, what, hint)])

    try:
        with Path(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise refuse(
            f"cannot be read: {error.strerror}", "name an existing file, for example params/lab.yaml"
        ) from error
    if len(raw) > LARGEST:
        raise refuse(f"is larger than {LARGEST} bytes", "a params file is a page or two of YAML")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse("is not text in UTF-8", "is it a params file at all?") from error
    return parse(text, source, lenient=lenient)


def parse(text: str, source: str, *, lenient: bool = False) -> Document:
    """The document in `text`; `source` is what errors call it; `lenient` as in `load`.

    Raises:
        ParamsError: as `load`.
    """
    lines: dict[KeyPath, int] = {}
    faults: list[tuple[KeyPath, Problem]] = []
    try:
        node = yaml.compose(text, Loader=_NoAliases)
        data = _build(node, (), source, lines, faults) if node else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else source
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ParamsError(
            [
                Problem(
                    where,
                    f"is not the YAML that we read: {what}",
                    "indent with spaces; quote text with : or #",
                )
            ]
        ) from error
    except RecursionError as error:
        what = f"is nested too deep: more than {DEEPEST} levels"
        raise ParamsError([Problem(source, what, "is it a params file at all?")]) from error
    except ValueError as error:
        raise ParamsError([Problem(source, f"is not the YAML that we read: {error}")]) from error
    if faults and not (lenient and isinstance(data, dict)):
        raise ParamsError([problem for _, problem in faults])
    if data is None:
        raise ParamsError(
            [Problem(source, "is empty", "start from params/lab.yaml or params/home.example.yaml")]
        )
    if not isinstance(data, dict):
        raise ParamsError(
            [
                Problem(
                    f"{source}:1", f"holds a {_kind(data)}, not keys with values", "write `key: value` lines"
                )
            ]
        )
    return Document(source, data, lines, tuple(faults))


class _NoAliases(yaml.SafeLoader):
    """A few hundred bytes of aliases can expand to gigabytes, and no params file needs one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not read here", mark)
        return super().compose_node(parent, index)


def _build(
    node: yaml.Node,
    path: KeyPath,
    source: str,
    lines: dict[KeyPath, int],
    faults: list[tuple[KeyPath, Problem]],
) -> Any:
    if len(path) > DEEPEST:
        raise RecursionError
    lines.setdefault(path, node.start_mark.line + 1)
    plain = ("map", "seq", "str", "null", "bool", "int", "float", "timestamp")
    if node.tag not in {f"tag:yaml.org,2002:{kind}" for kind in plain}:
        where = f"{source}:{node.start_mark.line + 1}"
        hint = "write plain text or numbers"
        faults.append((path, Problem(where, f"the tag {node.tag} is not read here", hint)))
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, n), source, lines, faults) for n, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                problem = Problem(f"{source}:{line}", "a key must be a plain word", "write `name: value`")
                faults.append((path, problem))
                continue
            if key in out:
                what = f"{key!r} is there twice (first on line {lines[(*path, key)]})"
                faults.append(((*path, key), Problem(f"{source}:{line}", what, "keep one of them")))
            lines[(*path, key)] = line
            out[key] = _build(value_node, (*path, key), source, lines, faults)
        return out
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        what = str(error).splitlines()[0]
        where = f"{source}:{node.start_mark.line + 1}"
        faults.append((path, Problem(where, f"{node.value!r} cannot be read: {what}", "quote it")))
        return None
    # Dates and times are values that no parameter has: what looks like one was meant as text.
    return value if value is None or isinstance(value, bool | int | float | str) else node.value


def validate(model: type[Model], document: Document) -> Model:
    """`document` as a `model`.

    Raises:
        ParamsError: every problem, each with file and line; unknown keys with the nearest name.
    """
    try:
        return model.model_validate(document.data if document.data is not None else {})
    except ValidationError as error:
        raise ParamsError(problems_of(error, model, document)) from error


def problems_of(error: ValidationError, model: type[BaseModel], document: Document) -> list[Problem]:
    """The problems in `error`, each with its place in `document` and a hint."""
    found = []
    for item in error.errors(include_url=False):
        path = tuple(item["loc"])
        name = ".".join(str(p) for p in path if p != "[key]")
        if item["type"] == "extra_forbidden":
            near = nearest(str(path[-1]), _names(model, path[:-1]))
            found.append(Problem(document.where(path), f"unknown key {name!r}", near))
        elif item["type"] == "missing":
            found.append(Problem(document.where(path), f"{name!r} is missing"))
        else:
            shown = item.get("input")
            said = _said(item["type"], item.get("ctx") or {}, item["msg"])
            got = f", not {shown!r}" if isinstance(shown, str | int | float | bool) else ""
            if item["type"] == "value_error" or (shown is None and path):
                got = ", and not left empty" if shown is None else ""
            hint = (item.get("ctx") or {}).get("hint", "")
            if item["type"] in ("list_type", "tuple_type") and isinstance(shown, str | int):
                hint = f'write a list: ["{shown}"]'
            found.append(
                Problem(document.where(path), f"{name + ': ' if name else ''}{said}{got}", str(hint))
            )
    return found


# pydantic's kinds of errors in our words; in braces what it knows of each.
WORDS = {
    "string_pattern_mismatch": "is not spelled as it must be here",
    "string_type": "must be a text",
    "string_too_short": "must have at least {min_length} letters",
    "string_too_long": "must have at most {max_length} letters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a section, with `name: value` below it",
    "model_type": "must be a section, with `name: value` below it",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "literal_error": "must be {expected}",
}
ONE = {"at least 1 letters": "must not be empty", "at least 1 entries": "must have at least one entry"}


def _said(kind: str, known: Mapping[str, Any], message: str) -> str:
    """What is wrong, in our words; what our own validators say is said as it is."""
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind not in WORDS:
        return f"{message[:1].lower()}{message[1:]}"
    said = WORDS[kind].format(**known)
    return next((one for many, one in ONE.items() if many in said), said)


def _names(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that `model` knows below `path`; steps through containers of models."""
    here: Any = model
    for step in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            info = here.model_fields.get(str(step))
            here = info.annotation if info else None
        else:  # a step into a list or a mapping: on to what it holds
            here = _model_in(here)
        if len(getattr(here, "__args__", ())) and type(None) in here.__args__:
            here = next(a for a in here.__args__ if a is not type(None))
    if isinstance(here, type) and issubclass(here, BaseModel):
        return [f.alias or n for n, f in here.model_fields.items()]
    return []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _model_in(inner):
            return found
    return None


def _kind(value: object) -> str:
    return {"list": "list", "str": "text"}.get(type(value).__name__, type(value).__name__)
