"""What a build is keyed by: the bytes of its sources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def source_key(places: Iterable[Path]) -> str:
    """Changes with the files (but Go's tests and their data) at and below `places`."""
    sum_ = hashlib.sha256()
    for place in places:
        files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
        for file in files:
            if not file.name.endswith("_test.go") and "testdata" not in file.parts:
                name = file.relative_to(place.parent)
                sum_.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return sum_.hexdigest()[:16]
