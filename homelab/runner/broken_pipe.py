"""A reader that stops reading, as ``| head`` does: what we do goes on to its end, quietly.

A run that applies must not break off in a change because nobody reads on.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


class Enduring(io.TextIOWrapper):
    """Text to a pipe; once nobody reads it, to nowhere."""

    def write(self, text: str) -> int:
        """See `io.TextIOBase`."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._let_go()
            return super().write(text)

    def flush(self) -> None:
        """See `io.IOBase`."""
        try:
            super().flush()
        except BrokenPipeError:
            self._let_go()
            super().flush()

    def _let_go(self) -> None:
        """What is still in the buffer goes there too."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def endure() -> None:
    """From now on, standard output and standard error outlive their readers."""
    sys.stdout, sys.stderr = _enduring(sys.stdout), _enduring(sys.stderr)


def _enduring(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):  # closed (>&-), or already another's
        return stream
    encoding, errors, by_line = stream.encoding, stream.errors, stream.line_buffering
    stream.flush()
    return Enduring(stream.detach(), encoding, errors, line_buffering=by_line)
