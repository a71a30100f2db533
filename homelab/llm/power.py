"""What a GPU's board draws while the engine works, where NVML tells it; a CPU's is not told here."""

from __future__ import annotations

from collections.abc import Callable

from homelab.gpu.watch import Watch

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


def metered(watts: Watts | None) -> Watch[float]:
    """A block in which the watts are looked at."""
    return Watch(watts, EVERY)


def mean(seen: Watch[float]) -> float | None:
    """Mean watts of the block; None where nothing tells, or the card vanished: half a measurement is none."""
    return sum(seen.seen) / len(seen.seen) if seen.seen and not seen.lost else None
