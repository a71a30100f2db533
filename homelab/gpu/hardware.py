"""What computes here: the cards as NVML knows them, the processor, the memory.

NVML is the library behind ``nvidia-smi``: https://docs.nvidia.com/deploy/nvml-api/. Its Python package
(nvidia-ml-py) is only there where the benchmarks are; without it, without a driver or without a card
the answer is `NoGpu`, which says which of them it is.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homelab.errors import HomelabError
from homelab.gpu.fit import size

HINTS = {
    "package": "./runbook run 09 installs nvidia-ml-py",
    "driver": "no NVIDIA card, or no driver for it: `ubuntu-drivers install`, a reboot, then `nvidia-smi`",
    "stopped": "the driver is there and not loaded: `sudo modprobe nvidia`, or reboot after its update",
    "denied": "this user may not open /dev/nvidia*",
    "none": "the driver sees no card: is it seated, and passed on to this machine?",
    "gone": "`sudo dmesg | grep -i xid` says why; power and heat are the usual reasons; reboot",
    "other": "what does `nvidia-smi` say?",
}


class NoGpu(HomelabError):
    """No card can be used; `kind` is package, driver, stopped, denied, none, gone (it vanished), or other."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what, "", HINTS[kind])
        self.kind = kind


@dataclass(frozen=True)
class GpuProcess:
    """Who else uses the card: its `memory` in bytes where the driver tells."""

    pid: int
    name: str
    memory: int | None


@dataclass(frozen=True)
class Gpu:
    """A card now. Memory in bytes, power in watts, temperature in °C; None where the card does not tell."""

    index: int
    name: str
    uuid: str
    total: int
    free: int
    driver: str
    power_limit: float | None = None
    power: float | None = None
    temperature: int | None = None
    processes: tuple[GpuProcess, ...] = ()

    def __str__(self) -> str:
        told = [f"{self.name}: {size(self.free)} free of {size(self.total)}", f"driver {self.driver}"]
        if self.power_limit is not None:
            told.append(f"power limit {self.power_limit:.0f} W")
        if self.temperature is not None:
            told.append(f"{self.temperature} °C")
        others = [
            f"{p.name or p.pid} ({size(p.memory)})" if p.memory else p.name or str(p.pid)
            for p in self.processes
        ]
        told.append(f"used by {', '.join(others)}" if others else "nobody else uses it")
        return ", ".join(told)


@dataclass(frozen=True)
class Computer:
    """A machine: processor `cpu` with `cores` that we may use; memory in bytes; its cards, or why there are none."""

    cpu: str
    cores: int
    memory: int
    available: int
    gpus: tuple[Gpu, ...] = ()
    no_gpu: str = ""

    @property
    def room(self) -> int:
        """Bytes for a model: the largest free memory of one card, or what is available to the processor."""
        return max((gpu.free for gpu in self.gpus), default=self.available)

    def data(self) -> dict[str, Any]:
        """What of it does not change while it runs, for the record of a measurement: processor, memory, cards, driver."""
        cards = [
            {"name": g.name, "memory": g.total, "driver": g.driver, "power_limit": g.power_limit}
            for g in self.gpus
        ]
        return {
            "cpu": self.cpu,
            "cores": self.cores,
            "memory": self.memory,
            "gpus": cards,
            "no_gpu": self.no_gpu,
        }

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores != 1)}"
        lines = [
            f"{self.cpu}, {cores}",
            f"{size(self.available)} of memory available, of {size(self.memory)}",
        ]
        return "\n".join(lines + ([str(gpu) for gpu in self.gpus] or [f"no GPU: {self.no_gpu}"]))


def computer(nvml: Any = None, root: Path = Path("/")) -> Computer:
    """This machine; `nvml` and `root` are for those who want to look at another (a module like pynvml, a folder)."""
    memory, available = _memory(root)
    try:
        found, why = gpus(nvml), ""
    except NoGpu as error:
        found, why = (), error.what
    return Computer(_cpu(root), len(os.sched_getaffinity(0)), memory, available, found, why)


def gpus(nvml: Any = None) -> tuple[Gpu, ...]:
    """Every card of this machine as it is now.

    Raises:
        NoGpu: there is none that can be used; its `kind` says why. ``gone``: it was there, and vanished.
    """
    library = nvml if nvml is not None else _library()
    try:
        library.nvmlInit()
        try:
            driver = _text(library.nvmlSystemGetDriverVersion())
            count = library.nvmlDeviceGetCount()
            if not count:
                raise NoGpu("none", "the NVIDIA driver is loaded and finds no card")
            return tuple(_gpu(library, n, driver) for n in range(count))
        finally:
            library.nvmlShutdown()
    except library.NVMLError as error:
        raise _no_gpu(library, error) from error


def _library() -> Any:
    try:
        import pynvml
    except ImportError as error:
        raise NoGpu("package", "the Python package nvidia-ml-py is not installed") from error
    return pynvml


def _gpu(library: Any, index: int, driver: str) -> Gpu:
    card = library.nvmlDeviceGetHandleByIndex(index)

    def told(ask: Callable[[Any], Any]) -> Any:
        """The card's answer, or None where it has none: laptops tell no power, consumer cards hide processes."""
        try:
            return ask(card)
        except library.NVMLError as error:
            if _code(error) in _codes(
                library, "NOT_SUPPORTED", "NO_PERMISSION", "FUNCTION_NOT_FOUND", "NOT_FOUND"
            ):
                return None
            raise

    memory = library.nvmlDeviceGetMemoryInfo(card)
    limit, power = told(library.nvmlDeviceGetEnforcedPowerLimit), told(library.nvmlDeviceGetPowerUsage)
    heat = told(lambda c: library.nvmlDeviceGetTemperature(c, library.NVML_TEMPERATURE_GPU))
    running = [
        *(told(library.nvmlDeviceGetComputeRunningProcesses) or ()),
        *(told(library.nvmlDeviceGetGraphicsRunningProcesses) or ()),
    ]
    others = {p.pid: p for p in running if p.pid != os.getpid()}
    return Gpu(
        index, _text(library.nvmlDeviceGetName(card)), _text(library.nvmlDeviceGetUUID(card)),
        int(memory.total), int(memory.free), driver,
        limit / 1000 if limit is not None else None, power / 1000 if power is not None else None,
        int(heat) if heat is not None else None,
        tuple(GpuProcess(pid, _process_name(library, pid), p.usedGpuMemory) for pid, p in sorted(others.items())),
    )  # fmt: skip


def _process_name(library: Any, pid: int) -> str:
    try:
        return Path(_text(library.nvmlSystemGetProcessName(pid))).name
    except library.NVMLError:  # it ended meanwhile, or is another user's
        return ""


def _no_gpu(library: Any, error: Any) -> NoGpu:
    kinds = {
        "LIBRARY_NOT_FOUND": ("driver", "there is no NVIDIA driver here"),
        "DRIVER_NOT_LOADED": ("stopped", "the NVIDIA driver is not loaded"),
        "LIB_RM_VERSION_MISMATCH": (
            "stopped",
            "the NVIDIA driver was updated, and the old one is still loaded",
        ),
        "NO_PERMISSION": ("denied", "NVML refuses this user"),
        "GPU_IS_LOST": ("gone", "a GPU has vanished: it fell off the bus"),
        "RESET_REQUIRED": ("gone", "a GPU hangs and has to be reset"),
    }
    for name, (kind, what) in kinds.items():
        if _code(error) in _codes(library, name):
            return NoGpu(kind, what)
    return NoGpu("other", f"NVML fails: {error}")


def _codes(library: Any, *names: str) -> set[int]:
    return {
        getattr(library, f"NVML_ERROR_{name}") for name in names if hasattr(library, f"NVML_ERROR_{name}")
    }


def _code(error: Any) -> int:
    return int(error.value)


def _text(said: str | bytes) -> str:
    return said.decode() if isinstance(said, bytes) else said


def _cpu(root: Path) -> str:
    for line in _lines(root / "proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory(root: Path) -> tuple[int, int]:
    """Bytes of memory in all, and available; where a control group allows less, that."""
    said = dict(line.split(":", 1) for line in _lines(root / "proc/meminfo") if ":" in line)

    def of(key: str) -> int:
        return int(said.get(key, "0 kB").split()[0]) * 1024

    total, available = of("MemTotal"), of("MemAvailable")
    group = root / "sys/fs/cgroup"
    limit, used = (next(iter(_lines(group / name)), "") for name in ("memory.max", "memory.current"))
    if limit.isdigit() and int(limit) < total:
        total = int(limit)
        available = min(available, max(0, total - int(used or 0)))
    return total, available


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []
