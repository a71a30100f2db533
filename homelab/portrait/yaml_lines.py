"""Lines of a commented YAML file, from words that machines said: whatever is in them, they stay comments and texts."""

from __future__ import annotations

import json
import re

DECIDE = "DECIDE"  # what only the reader knows
PLAIN = re.compile(r"[A-Za-z0-9/~._-]*[A-Za-z/~][A-Za-z0-9/~._-]*")
STRANGE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def comment(said: str, margin: int = 0) -> str:
    """`said` after a hash, on one line whatever is in it."""
    return f"{' ' * margin}# {STRANGE.sub(' ', said)}"


def scalar(value: str) -> str:
    """`value` as YAML takes it for a text and for nothing else."""
    plain = PLAIN.fullmatch(value) and value.lower() not in (
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "null",
        "y",
        "n",
        "~",
    )
    quoted = json.dumps(value, ensure_ascii=False)
    return value if plain else STRANGE.sub(lambda m: "".join(f"\\u{ord(c):04x}" for c in m[0]), quoted)
