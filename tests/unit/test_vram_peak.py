"""The most memory that is taken while something runs, whoever tells it, and a card that goes away meanwhile."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest

from homelab.imaging import vram_peak
from homelab.imaging.vram_peak import MIB, Memory, Peak
from homelab.machine import Result


def looking(*used: int, then: Exception | None = None):
    """A look that tells `used` one after the other, then the last again or an error; and an event: all were told."""
    left, told = list(used), threading.Event()

    def look() -> Memory:
        if len(left) <= 1:
            told.set()
            if then and not left:
                raise then
        value = left.pop(0) if len(left) > (0 if then else 1) else left[0]
        return Memory("card", value * MIB, 3072 * MIB)

    return look, told


def test_the_peak_is_the_most_and_not_the_last() -> None:
    look, told = looking(100, 900, 2800, 200)
    with Peak(look, every=0.001) as peak:
        assert told.wait(10)
    assert peak.before == Memory("card", 100 * MIB, 3072 * MIB)
    assert peak.most == Memory("card", 2800 * MIB, 3072 * MIB)
    assert "2.73 of 3.00 GiB on card at most (0.10 before)" in str(peak)


def test_a_card_that_vanishes_leaves_what_was_seen() -> None:
    look, told = looking(100, 900, then=RuntimeError("GPU is lost"))
    with Peak(look, every=0.001) as peak:
        assert told.wait(10)
    assert peak.lost
    assert peak.most
    assert peak.most.used == 900 * MIB
    assert "did not answer any more" in str(peak)


def test_without_a_card_there_is_no_number() -> None:
    with Peak(None) as peak:
        pass
    assert (peak.most, peak.before, str(peak)) == (None, None, "no card to look at")


class Smi:
    """A machine whose nvidia-smi prints `out`."""

    name = "fooocus"

    def __init__(self, rc: int, out: str) -> None:
        self.rc, self.out = rc, out

    def run(self, argv, **more) -> Result:
        return Result(tuple(argv), self.rc, self.out, "", 0.0, self.name)


def test_nvidia_smi_tells_of_a_card_elsewhere() -> None:
    look = vram_peak.there(Smi(0, "Tesla T4, 407, 15360\nTesla T4, 1, 15360\n"), 1)
    assert look
    assert look() == Memory("Tesla T4", MIB, 15360 * MIB)


@pytest.mark.parametrize(
    ("rc", "out"),
    [(127, ""), (9, "NVIDIA-SMI has failed"), (0, ""), (0, "No devices were found"), (0, "T4, [N/A], 3")],
)
def test_where_nvidia_smi_tells_nothing_nobody_looks(rc, out) -> None:
    assert vram_peak.there(Smi(rc, out)) is None


def test_nvml_tells_of_a_card_here(monkeypatch) -> None:
    fake = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda n: n,
        nvmlDeviceGetName=lambda handle: b"Tesla T4",
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=5, total=10),
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    look = vram_peak.here()
    assert look
    assert look() == Memory("Tesla T4", 5, 10)


def test_without_a_driver_nvml_tells_nothing(monkeypatch) -> None:
    def no_driver() -> None:
        raise RuntimeError("NVML Shared Library Not Found")

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(nvmlInit=no_driver))
    assert vram_peak.here() is None
