"""Secrets as references until the moment of use, and masked everywhere else."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from homelab import secret_source, secret_wire
from homelab.secret_forms import LEAST, guises

KINDS = ("env", "file", "cmd")
MASK = "•••"
# Keys of Tailscale name themselves: they are masked even when nobody registered them.
_SHAPES = re.compile(r"tskey-[a-z]+-[A-Za-z0-9][A-Za-z0-9-]*")
_revealed: set[str] = set()


@dataclass(frozen=True)
class Secret:
    """A reference to a secret: ``env:NAME``, ``file:PATH`` or ``cmd:COMMAND``; never the value."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Secret:
        """The reference in `text`.

        Raises:
            ValueError: it is not a reference; the text itself is not repeated in the message.
        """
        kind, found, name = text.partition(":")
        if not found or kind not in KINDS or not name.strip():
            raise ValueError(
                "write a reference (env:NAME, file:PATH or cmd:COMMAND), never the secret itself"
            )
        return cls(kind, name.strip())

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def reveal(self) -> str:
        """The value, read now; from here on `mask` hides it.

        Raises:
            PrerequisiteMissing: the variable, file or command gives nothing, or others can read it:
                see `homelab.secret_source`.
        """
        value = secret_source.read(self.kind, self.name)
        conceal(value)
        return value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let a params file hold references as plain text."""
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(str(value)),
            serialization=core_schema.to_string_ser_schema(),
        )


def conceal(value: str) -> None:
    """Have `mask` hide `value` too, and each of its lines: for secrets that were made here, such as a fresh auth key.

    The runner of this notebook, if there is one, knows it when this returns: before anything can print it.
    """
    new = {part for part in (value, *value.splitlines()) if len(part) >= LEAST} - _revealed
    _revealed.update(new)
    for part in new:
        secret_wire.tell(part)


def revealed() -> list[str]:
    """The values that `mask` hides: for a runner, which writes down what we print."""
    return sorted(_revealed)


def mask(text: str) -> str:
    """`text` with every revealed secret, in each of its guises, and everything shaped like a Tailscale key, blotted out."""
    if _revealed:
        text = _pattern(frozenset(_revealed)).sub(MASK, text)
    return _SHAPES.sub(MASK, text)


def mask_parts(parts: Sequence[str]) -> list[str]:
    """`parts` of one text, masked as that: of a secret that runs over several of them nothing is left, the mask stands where it begins."""
    patterns = ([_pattern(frozenset(_revealed))] if _revealed else []) + [_SHAPES]
    made = list(parts)
    for pattern in patterns:
        made = _blotted(made, pattern)
    return made


def _blotted(parts: Sequence[str], pattern: re.Pattern[str]) -> list[str]:
    spans = [found.span() for found in pattern.finditer("".join(parts))]
    made = []
    for end, part in zip(accumulate(map(len, parts)), parts, strict=True):
        start, kept, at = end - len(part), "", 0
        for first, last in spans:
            if first < end and last > start:
                kept += part[at : max(first - start, 0)] + (MASK if first >= start else "")
                at = last - start
        made.append(kept + part[at:])
    return made


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for a child that needs no secret: without the variables that hold a revealed one."""
    return {name: value for name, value in environment.items() if value.strip() not in _revealed}


@functools.lru_cache(maxsize=8)
def _pattern(values: frozenset[str]) -> re.Pattern[str]:
    found = {guise for value in values for guise in guises(value)}
    return re.compile("|".join(map(re.escape, sorted(found, key=lambda g: (-len(g), g)))))
