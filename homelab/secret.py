"""Secrets as references until the moment of use, and masked everywhere else."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from homelab.errors import PrerequisiteMissing

KINDS = ("env", "file", "cmd")
MASK = "•••"
# Keys of Tailscale name themselves: they are masked even when nobody registered them.
_SHAPES = re.compile(r"tskey-[a-z]+-[A-Za-z0-9][A-Za-z0-9-]*")
_SHORTEST = 6  # masking shorter values would blot out ordinary words
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
            PrerequisiteMissing: the variable, file or command gives nothing.
        """
        value = self._read()
        if not value:
            raise PrerequisiteMissing("the secret is empty or not there", str(self), f"set what {self} names")
        if len(value) >= _SHORTEST:
            _revealed.add(value)
        return value

    def _read(self) -> str:
        if self.kind == "env":
            return os.environ.get(self.name, "")
        if self.kind == "file":
            path = Path(self.name).expanduser()
            return path.read_text().strip() if path.is_file() else ""
        done = subprocess.run(shlex.split(self.name), capture_output=True, text=True, check=False)
        return done.stdout.strip()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let a params file hold references as plain text."""
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(str(value)),
            serialization=core_schema.to_string_ser_schema(),
        )


def conceal(value: str) -> None:
    """Have `mask` hide `value` too: for secrets that were made here, such as a fresh auth key."""
    if len(value) >= _SHORTEST:
        _revealed.add(value)


def revealed() -> list[str]:
    """The values that `mask` hides: for a runner, which writes down what we print."""
    return sorted(_revealed)


def mask(text: str) -> str:
    """`text` with every revealed secret, and everything shaped like a Tailscale key, blotted out."""
    for value in sorted(_revealed, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _SHAPES.sub(MASK, text)
