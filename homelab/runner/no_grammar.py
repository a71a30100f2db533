"""Import what uses jsonschema without the grammar of international addresses, which takes 2 s and which nobody here asks.

jsonschema does without it where its module is not there:
https://python-jsonschema.readthedocs.io/en/stable/validate/#validating-formats
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

GRAMMAR = "rfc3987_syntax"


@contextlib.contextmanager
def without_grammar() -> Iterator[None]:
    """What is imported meanwhile finds no such module; afterwards all is as it was."""
    had = sys.modules.get(GRAMMAR)
    sys.modules[GRAMMAR] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if had is None:
            del sys.modules[GRAMMAR]
