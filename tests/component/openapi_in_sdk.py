"""Jellyfin's OpenAPI document, read back out of the TypeScript client that is generated from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIELD = re.compile(r"^    '(\w+)'(\??): (.+?);?$", re.MULTILINE)
ENUM = re.compile(r"readonly \w+: \"?([^\";]+)\"?;")
ROUTE = re.compile(
    r"^        (\w+): async \(.*?localVarPath = `([^`]+)`(.*?)method: '(\w+)'", re.MULTILINE | re.DOTALL
)  # fmt: skip
ANSWER = re.compile(
    r"^    (\w+)\((.*?)\): Promise<\(.*?\) => AxiosPromise<([^\n]+?)>>;$", re.MULTILINE | re.DOTALL
)

PLAIN: dict[str, type | tuple[type, ...]] = {"string": str, "boolean": bool, "number": (int, float)}


@dataclass
class Document:
    """The schemas: their fields with type and whether they may be absent; enumerations; routes with their types."""

    fields: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    enums: dict[str, set[str]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(
        default_factory=dict
    )  # every parameter's name and type, as the client's signature

    def faults(self, value: Any, kind: str, at: str = "") -> list[str]:
        """What in `value` contradicts the type `kind`; empty when nothing does."""
        kinds = [part.strip() for part in kind.split(" | ")]
        if value is None:
            return [] if "null" in kinds else [f"{at}: null is no {kind}"]
        kind = kinds[0]
        if inner := re.fullmatch(r"Array<(.+)>", kind):
            if not isinstance(value, list):
                return [f"{at}: {value!r} is no list"]
            return [f for i, one in enumerate(value) for f in self.faults(one, inner[1], f"{at}[{i}]")]
        if kind in self.enums:
            return [] if value in self.enums[kind] else [f"{at}: {value!r} is none of {kind}"]
        if kind in self.fields:
            return self._object(value, kind, at)
        if kind in ("map", "object", "any"):
            return []
        if kind not in PLAIN:
            return [f"{at}: the document has no {kind}"]
        wrong = not isinstance(value, PLAIN[kind]) or (kind == "number" and isinstance(value, bool))
        return [f"{at}: {value!r} is no {kind}"] if wrong else []

    def _object(self, value: Any, kind: str, at: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{at}: {value!r} is no {kind}"]
        known = self.fields[kind]
        found = [
            f"{at}: lacks {name} of {kind}"
            for name, (_, free) in known.items()
            if not free and name not in value
        ]
        for name, inner in value.items():
            if name in known:
                found += self.faults(inner, known[name][0], f"{at}.{name}")
            else:
                found.append(f"{at}: {kind} has no {name}")
        return found


def read(package: Path) -> Document:
    """The document that the unpacked npm package @jellyfin/sdk was generated from."""
    found = Document()
    client = package / "lib" / "generated-client"
    for file in sorted((client / "models").glob("*.d.ts")):
        text = file.read_text()
        if name := re.search(r"^export interface (\w+)", text, re.MULTILINE):
            # A map's type goes over several lines; what is in it does not matter here.
            flat = re.sub(r"\{\n        \[key[^}]*\}", "map", text)
            found.fields[name[1]] = {n: (kind, bool(free)) for n, free, kind in FIELD.findall(flat)}
        elif name := re.search(r"^export declare const (\w+): \{(.*?)^\}", text, re.MULTILINE | re.DOTALL):
            found.enums[name[1]] = set(ENUM.findall(name[2]))
    for file in sorted((client / "api").glob("*-api.js")):
        types = {
            name: (sent, answer)
            for name, sent, answer in ANSWER.findall(file.with_suffix(".d.ts").read_text())
        }
        for name, path, _, method in ROUTE.findall(file.read_text()):
            found.sent[f"{method} {path}"], found.answers[f"{method} {path}"] = types[name]
    return found
