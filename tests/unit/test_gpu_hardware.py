"""Cards through an NVML that we play: everything told, little told, none there, and one that vanishes."""

# ruff: noqa: N802 - NVML gives its functions such names
from __future__ import annotations

import os
import types

import pytest

from homelab.errors import HomelabError
from homelab.gpu import bandwidth, hardware
from homelab.gpu.fit import GIB, MIB

ERRORS = {
    "NOT_SUPPORTED": 3, "NO_PERMISSION": 4, "NOT_FOUND": 6, "DRIVER_NOT_LOADED": 9, "LIBRARY_NOT_FOUND": 12,
    "FUNCTION_NOT_FOUND": 13, "GPU_IS_LOST": 15, "RESET_REQUIRED": 16, "LIB_RM_VERSION_MISMATCH": 18, "UNKNOWN": 999,
}  # fmt: skip


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return "Unknown Error"


class FakeNvml:
    """pynvml's names for Tequila's card; `fails` maps a function's name to the error that it raises."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, fails: dict[str, str] | None = None, cards: int = 1) -> None:
        self.fails, self.cards, self.opened = fails or {}, cards, 0
        for name, number in ERRORS.items():
            setattr(self, f"NVML_ERROR_{name}", number)

    def __getattribute__(self, name: str):
        if name.startswith("nvml") and (error := object.__getattribute__(self, "fails").get(name)):

            def fail(*_: object) -> None:
                raise NVMLError(ERRORS[error])

            return fail
        return object.__getattribute__(self, name)

    def nvmlInit(self) -> None:
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"550.54.14"

    def nvmlDeviceGetCount(self) -> int:
        return self.cards

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, card: int) -> str:
        return "NVIDIA GeForce GTX 1060 3GB"

    def nvmlDeviceGetUUID(self, card: int) -> str:
        return f"GPU-{card}"

    def nvmlDeviceGetMemoryInfo(self, card: int) -> types.SimpleNamespace:
        return types.SimpleNamespace(total=3 * GIB, free=(2 + card) * GIB // 2)

    def nvmlDeviceGetEnforcedPowerLimit(self, card: int) -> int:
        return 120_000

    def nvmlDeviceGetPowerUsage(self, card: int) -> int:
        return 31_500

    def nvmlDeviceGetTemperature(self, card: int, sensor: int) -> int:
        return 54

    def nvmlDeviceGetComputeRunningProcesses(self, card: int) -> list:
        return [
            types.SimpleNamespace(pid=77, usedGpuMemory=500 * MIB),
            types.SimpleNamespace(pid=os.getpid(), usedGpuMemory=1),
        ]

    def nvmlDeviceGetGraphicsRunningProcesses(self, card: int) -> list:
        return [types.SimpleNamespace(pid=78, usedGpuMemory=None)]

    def nvmlSystemGetProcessName(self, pid: int) -> str:
        if pid == 78:
            raise NVMLError(ERRORS["NOT_FOUND"])
        return "/usr/bin/vampire"


def test_a_card_that_tells_everything() -> None:
    library = FakeNvml()
    (gpu,) = hardware.gpus(library)
    assert (gpu.name, gpu.uuid, gpu.driver) == ("NVIDIA GeForce GTX 1060 3GB", "GPU-0", "550.54.14")
    assert (gpu.total, gpu.free) == (3 * GIB, GIB)
    assert (gpu.power_limit, gpu.power, gpu.temperature) == (120.0, 31.5, 54)
    assert gpu.processes == (hardware.GpuProcess(77, "vampire", 500 * MIB), hardware.GpuProcess(78, "", None))
    said = str(gpu)
    assert (
        "1.00 GiB free of 3.00 GiB, driver 550.54.14, power limit 120 W, 54 °C, used by vampire (500.0 MiB), 78"
        in said
    )
    assert library.opened == 0


@pytest.mark.parametrize("error", ["NOT_SUPPORTED", "NO_PERMISSION", "FUNCTION_NOT_FOUND"])
def test_a_laptops_card_that_tells_little(error) -> None:
    quiet = (
        "EnforcedPowerLimit",
        "PowerUsage",
        "Temperature",
        "ComputeRunningProcesses",
        "GraphicsRunningProcesses",
    )
    (gpu,) = hardware.gpus(FakeNvml({f"nvmlDeviceGet{name}": error for name in quiet}))
    assert (gpu.power_limit, gpu.power, gpu.temperature, gpu.processes) == (None, None, None, ())
    assert str(gpu).endswith("driver 550.54.14, nobody else uses it")


@pytest.mark.parametrize(
    ("fails", "kind"),
    [
        ({"nvmlInit": "LIBRARY_NOT_FOUND"}, "driver"),
        ({"nvmlInit": "DRIVER_NOT_LOADED"}, "stopped"),
        ({"nvmlInit": "LIB_RM_VERSION_MISMATCH"}, "stopped"),
        ({"nvmlInit": "NO_PERMISSION"}, "denied"),
        ({"nvmlInit": "UNKNOWN"}, "other"),
        ({"nvmlDeviceGetMemoryInfo": "GPU_IS_LOST"}, "gone"),
        ({"nvmlDeviceGetTemperature": "GPU_IS_LOST"}, "gone"),
        ({"nvmlDeviceGetHandleByIndex": "RESET_REQUIRED"}, "gone"),
    ],
)
def test_no_card_says_why(fails, kind) -> None:
    library = FakeNvml(fails)
    with pytest.raises(hardware.NoGpu) as caught:
        hardware.gpus(library)
    assert caught.value.kind == kind
    assert caught.value.hint
    assert library.opened == 0


def test_a_driver_without_a_card_and_a_missing_package(monkeypatch) -> None:
    with pytest.raises(hardware.NoGpu) as caught:
        hardware.gpus(FakeNvml(cards=0))
    assert caught.value.kind == "none"
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    with pytest.raises(hardware.NoGpu) as caught:
        hardware.gpus()
    assert caught.value.kind == "package"


def test_the_real_library_is_asked_by_its_real_names() -> None:
    pynvml = pytest.importorskip("pynvml")
    ours = [name for name in dir(FakeNvml) if name.startswith("nvml")]
    assert all(callable(getattr(pynvml, name)) for name in ours)
    assert {name: getattr(pynvml, f"NVML_ERROR_{name}") for name in ERRORS} == ERRORS
    assert issubclass(pynvml.NVMLError, Exception)
    assert pynvml.NVMLError(15).value == pynvml.NVML_ERROR_GPU_IS_LOST


def test_a_computer_with_a_group_that_limits_its_memory(tmp_path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Intel Core i7-6700HQ\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n")
    here = hardware.computer(FakeNvml(cards=2), tmp_path)
    assert (here.cpu, here.memory, here.available) == ("Intel Core i7-6700HQ", 16 * GIB, 12 * GIB)
    assert here.room == 3 * GIB // 2  # of the freer card
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(f"{4 * GIB}\n")
    (tmp_path / "sys/fs/cgroup/memory.current").write_text(f"{GIB}\n")
    here = hardware.computer(FakeNvml({"nvmlInit": "LIBRARY_NOT_FOUND"}), tmp_path)
    assert (here.memory, here.available, here.room) == (4 * GIB, 3 * GIB, 3 * GIB)
    assert str(here).endswith("no GPU: there is no NVIDIA driver here")


def test_this_computer_is_known() -> None:
    here = hardware.computer(FakeNvml({"nvmlInit": "LIBRARY_NOT_FOUND"}))
    assert here.cores >= 1
    assert 0 < here.available <= here.memory


def test_bandwidth_is_measured() -> None:
    found = bandwidth.measure(threads=1, repetitions=3, piece=8 << 20)
    assert len(found.samples) == 3
    assert found.mean > 0
    assert 0 < found.share <= 1
    assert "GB/s read by 1 thread" in str(found)


@pytest.mark.parametrize("wrong", [{"repetitions": 0}, {"piece": 100}, {"threads": -1}])
def test_bandwidth_of_nothing(wrong) -> None:
    with pytest.raises(HomelabError, match="nothing to measure"):
        bandwidth.measure(**wrong)


def test_a_clock_that_goes_backwards(monkeypatch) -> None:
    ticks = iter(range(100, 0, -1))
    monkeypatch.setattr(bandwidth.time, "perf_counter", lambda: next(ticks))
    with pytest.raises(HomelabError, match="the clock"):
        bandwidth.measure(threads=1, repetitions=1, piece=1 << 20)


def test_a_disturbed_measurement_says_so() -> None:
    calm = bandwidth.Bandwidth(20.0, 0.1, (20.0,), 2, 0.99, 0.5)
    assert "disturbed" not in str(calm)
    assert calm.used_by(100e6, 100) == pytest.approx(0.5)
    assert "disturbed: it got 40% of its time, load 8.0" in str(
        bandwidth.Bandwidth(20.0, 9.0, (20.0,), 2, 0.4, 8.0)
    )
