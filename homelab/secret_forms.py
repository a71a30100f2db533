"""The guises in which a secret may turn up in what is written down: quoted, escaped, encoded."""

from __future__ import annotations

import base64
import html
import json
import shlex
from urllib.parse import quote, quote_plus

LEAST = 6  # letters; what is shorter is found in ordinary words


def guises(value: str) -> set[str]:
    """`value` and how it looks in a URL, JSON, HTML, Python, a shell, hexadecimal, and in base64 of more than itself."""
    data = value.encode()
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    found = {
        value,
        *quoted,
        *(_lower_hex(q) for q in quoted),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(value)[1:-1])[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        shlex.quote(value).strip("'"),
        data.hex(),
        data.hex().upper(),
        *_base64(data),
    }
    return {f for f in found if len(f) >= LEAST}


def _lower_hex(text: str) -> str:
    """``%3A`` as ``%3a``."""
    parts = text.split("%")
    return "%".join([parts[0], *(p[:2].lower() + p[2:] for p in parts[1:])])


def _base64(data: bytes) -> set[str]:
    """`data` in base64, whole, and the part of it that is the same wherever it stands in a longer text."""
    found = {base64.b64encode(data).decode(), base64.b64encode(data).decode().rstrip("=")}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        head = -(-before * 8 // 6)  # letters that hold a bit of what stands before
        tail = len(text) - (1 if (before + len(data)) % 3 else 0)  # the last may hold a bit of what follows
        found.add(text[head:tail])
    return found | {f.replace("+", "-").replace("/", "_") for f in found}
