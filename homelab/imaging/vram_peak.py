"""How much of a card's memory is taken at most while something runs: looked at often, so a short peak may hide.

By NVML where the card is in this machine, by ``nvidia-smi`` where it is in another one of the world.
Source: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html (nvmlDeviceGetMemoryInfo).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from homelab.errors import HomelabError
from homelab.machine import Machine

EVERY = 0.1  # seconds between two looks
QUERY = ["nvidia-smi", "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader,nounits"]
MIB = 1024 * 1024


@dataclass(frozen=True)
class Memory:
    """A card's memory at one moment, in bytes."""

    card: str
    used: int
    total: int


Look = Callable[[], Memory]


def here(card: int = 0) -> Look | None:
    """What looks at the card of this machine by NVML; None without the package, a driver, or such a card."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(card)
        name = pynvml.nvmlDeviceGetName(handle)
        name = name.decode() if isinstance(name, bytes) else str(name)

        def look() -> Memory:
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            return Memory(name, int(memory.used), int(memory.total))

        look()
    except Exception:  # no package, no driver, no card: each has an error of its own, and all mean the same
        return None
    return look


def there(machine: Machine, card: int = 0) -> Look | None:
    """What looks at the card of `machine` by nvidia-smi; None where that shows no such card."""

    def look() -> Memory:
        rows = machine.run(QUERY, timeout=10.0).ok().out.strip().splitlines()
        name, used, total = (word.strip() for word in rows[card].rsplit(",", 2))
        return Memory(name, int(used) * MIB, int(total) * MIB)

    try:
        look()
    except (HomelabError, IndexError, ValueError):
        return None
    return look


class Peak:
    """The most that is taken while its block runs.

    `before` is what was taken when it began, `most` the peak; both None where nothing looks. `lost` says that
    the card did not answer any more: `most` is what was seen until then.
    """

    def __init__(self, look: Look | None, every: float = EVERY) -> None:
        self._look, self._every = look, every
        self.before: Memory | None = None
        self.most: Memory | None = None
        self.lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        if self._look:
            self._see()
            self.before = self.most
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._look:
            self._thread.join()
            self._see()

    def __str__(self) -> str:
        if self.most is None or self.before is None:
            return "no card to look at" if not self.lost else "the card does not answer"
        share = f"{self.most.used / 2**30:.2f} of {self.most.total / 2**30:.2f} GiB on {self.most.card}"
        gone = "; then the card did not answer any more" if self.lost else ""
        return f"{share} at most ({self.before.used / 2**30:.2f} before){gone}"

    def _watch(self) -> None:
        while not self._over.wait(self._every) and not self.lost:
            self._see()

    def _see(self) -> None:
        if self._look is None or self.lost:
            return
        try:
            seen = self._look()
        except Exception:  # a card that fell off the bus: NVML and nvidia-smi each have errors of their own
            self.lost = True
            return
        if self.most is None or seen.used > self.most.used:
            self.most = seen
