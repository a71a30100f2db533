"""What a GPU's board draws while the engine works, where NVML tells it; a CPU's is not told here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

EVERY = 0.05  # seconds between two looks; NVML itself averages over longer than that

Watts = Callable[[], float]


def board() -> Watts | None:
    """What reads the watts of all GPUs here together; None without NVML, or where a card does not tell.

    Source: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html (nvmlDeviceGetPowerUsage, mW)
    """
    try:
        import pynvml

        pynvml.nvmlInit()
        cards = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]

        def watts() -> float:
            return sum(float(pynvml.nvmlDeviceGetPowerUsage(card)) for card in cards) / 1000

        watts()
    except Exception:  # no package, no driver, no card: each has an error of its own, and all mean the same
        return None
    return watts if cards else None


class Meter:
    """Mean watts while its block runs; None where nothing tells, or the card vanished meanwhile."""

    def __init__(self, watts: Watts | None) -> None:
        self._watts, self._seen = watts, list[float]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Meter:
        if self._watts:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._watts:
            self._thread.join()

    @property
    def mean(self) -> float | None:
        """Watts."""
        return sum(self._seen) / len(self._seen) if self._seen else None

    def _look(self) -> None:
        while self._watts:
            try:
                self._seen.append(self._watts())
            except Exception:  # the card is gone: half a measurement is none
                self._seen.clear()
                return
            if self._over.wait(EVERY):
                return
