"""Look at a card every so often while something runs: its watts, its memory. A card that goes away ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

Seen = TypeVar("Seen")


class Watch(Generic[Seen]):
    """What `look` tells, as a list (`seen`): when its block begins, every so many seconds (`every`), and when it ends.

    Nothing where there is nothing to look with. `lost`: the card did not answer any more, and `seen` ends there.
    """

    def __init__(self, look: Callable[[], Seen] | None, every: float) -> None:
        self._look, self._every = look, every
        self.seen: list[Seen] = []
        self.lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        if self._look:
            self._see()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._look:
            self._thread.join()
            self._see()

    def _watch(self) -> None:
        while not self._over.wait(self._every) and not self.lost:
            self._see()

    def _see(self) -> None:
        if self._look is None or self.lost:
            return
        try:
            self.seen.append(self._look())
        except Exception:  # a card that fell off the bus: NVML and nvidia-smi each have errors of their own
            self.lost = True
