"""Whose turn it is to be told of: stages may be at work side by side, and the reader hears of one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Turn:
    """Holds back what a stage tells until it `begin`s; of what was held back only the last of each kind still counts."""

    def __init__(self, begun: bool = True) -> None:
        self._begun, self._lock = begun, threading.Lock()
        self._held: dict[str, Callable[[], None]] = {}

    def tell(self, kind: str, say: Callable[[], None]) -> None:
        """Call `say`, now or when the turn begins; raises what it raises."""
        with self._lock:
            if self._begun:
                say()
            else:
                self._held[kind] = say

    def begin(self) -> None:
        """Tell what was held back, and from here on at once; raises what that raises."""
        with self._lock:
            self._begun = True
            while self._held:
                self._held.pop(next(iter(self._held)))()
