"""How much of a card's memory is taken at most while something runs: looked at often, so a short peak may hide.

By NVML where the card is in this machine, by ``nvidia-smi`` where it is in another one of the world.
Source: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html (nvmlDeviceGetMemoryInfo).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.gpu.watch import Watch
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


class Peak(Watch[Memory]):
    """The most that is taken while its block runs; `lost`: the card went away, and it is what was seen until then."""

    def __init__(self, look: Look | None, every: float = EVERY) -> None:
        super().__init__(look, every)

    @property
    def before(self) -> Memory | None:
        """What was taken when the block began; None where nothing looks."""
        return self.seen[0] if self.seen else None

    @property
    def most(self) -> Memory | None:
        """The peak."""
        return max(self.seen, key=lambda memory: memory.used, default=None)

    def __str__(self) -> str:
        most, before = self.most, self.before
        if most is None or before is None:
            return "no card to look at" if not self.lost else "the card does not answer"
        share = f"{most.used / 2**30:.2f} of {most.total / 2**30:.2f} GiB on {most.card}"
        gone = "; then the card did not answer any more" if self.lost else ""
        return f"{share} at most ({before.used / 2**30:.2f} before){gone}"
