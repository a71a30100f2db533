"""The GPU asked three times, of machines that we play; what they say was copied from real ones."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable, Sequence

import pytest

from homelab.checks import gpu_steps as gpu
from homelab.machine import Pending, Result

LIST = "GPU 0: NVIDIA A10 (UUID: GPU-f15ae561-21b1-6003-c768-861fc285203b)\n"
ROW = "NVIDIA A10, GPU-f15ae561-21b1-6003-c768-861fc285203b, 23028 MiB, 22502 MiB, 570.133.20, 150.00 W, 31\n"
LOST = "Failed to initialize NVML: Unknown Error\n"
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54\n"
NO_RUNTIME = (
    'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].\n'
)


@dataclasses.dataclass
class Played:
    """A machine: what `nvidia-smi`, its PCI bus and `docker run` say."""

    smi: tuple[int, str, str] = (0, LIST, "")
    docker: tuple[int, str, str] = (0, LIST, "")
    has: str = "card driver device"
    lacks: tuple[str, ...] = ()
    name: str = "fooocus"
    pending: Pending = dataclasses.field(default_factory=Pending)
    typed: list[list[str]] = dataclasses.field(default_factory=list)

    def run(self, argv: Sequence[str], **_: object) -> Result:
        self.typed.append(list(argv))
        if argv[0] == "docker":
            rc, out, err = self.docker if argv[1] == "run" else (int(argv[1] in self.lacks), "", "")
        elif argv[-1] == gpu.LOOK:
            rc, out, err = 0, self.has, ""
        else:
            rc, out, err = self.smi
            if rc == 0 and any("--query" in word for word in argv):
                out = ROW
        return Result(tuple(argv), rc, out, err, 0.0, self.name)


ABSENT = (gpu.MISSING, "", "")
Ask = Callable[..., object]


def test_all_is_well() -> None:
    twice = Played(docker=(0, f"{LIST}--\n{LIST}", ""))
    host = gpu.gpu_on_host(Played())
    assert host.status == "ok"
    assert (
        host.evidence
        == "NVIDIA A10: 22502 MiB free of 23028 MiB, driver 570.133.20, power limit 150.00 W, 31 °C"
    )
    assert gpu.gpu_in_container(Played()).status == "ok"
    still = gpu.gpu_still_there(twice, seconds=120)
    assert (still.status, still.name) == ("ok", "GPU still there after 120 s")
    assert twice.typed[-1][:2] == ["docker", "run"]
    assert "sleep 120" in twice.typed[-1][-1]


def test_no_gpu_is_a_warning_and_the_rest_is_skipped() -> None:
    bare = Played(smi=ABSENT, has="")
    host = gpu.gpu_on_host(bare)
    assert (host.status, host.evidence) == ("warn", f"no NVIDIA GPU: {gpu.ON_CPU}")
    assert gpu.gpu_in_container(bare).status == "skip"
    assert gpu.gpu_still_there(bare).status == "skip"


NO_DRIVER = (9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", "")


@pytest.mark.parametrize(
    ("smi", "has", "hint"),
    [
        ((18, MISMATCH, ""), "card driver device", "reboot"),
        ((6, "No devices were found\n", ""), "driver device", "xid"),
        (ABSENT, "card driver device", "nvidia-smi"),
        (NO_DRIVER, "windows", "ubuntu-drivers"),
    ],
)
def test_a_card_that_does_not_work_is_a_failure(smi, has, hint) -> None:
    host = gpu.gpu_on_host(Played(smi=smi, has=has))
    assert host.status == "fail"
    assert hint in host.hint


@pytest.mark.parametrize(
    ("smi", "has", "said"),
    [
        (ABSENT, "card", "without its driver"),
        (NO_DRIVER, "card", "without its driver"),
        (
            NO_DRIVER,
            "card driver",
            "not passed on to this machine",
        ),  # a machine of the lab, on a host that has one
        (ABSENT, "windows", "no NVIDIA GPU"),  # WSL on a laptop with a card of another maker
    ],
)
def test_a_card_that_nobody_set_up_is_a_warning(smi, has, said) -> None:
    host = gpu.gpu_on_host(Played(smi=smi, has=has))
    assert host.status == "warn"
    assert said in host.evidence


def test_the_look_works_in_a_real_shell() -> None:
    done = subprocess.run(["sh", "-c", gpu.LOOK], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"card", "driver", "device", "windows"}
    assert not done.stderr


def test_a_card_without_its_kept_secrets() -> None:
    """A laptop's nvidia-smi says [N/A] for the power limit."""
    assert gpu._told("GTX 1060, GPU-1, 3072 MiB, 2900 MiB, 535.1, [N/A], 44") == (
        "GTX 1060: 2900 MiB free of 3072 MiB, driver 535.1, 44 °C"
    )


def test_the_host_has_it_and_the_container_not() -> None:
    found = gpu.gpu_in_container(Played(docker=(125, "", NO_RUNTIME)))
    assert found.status == "fail"
    assert "the host sees 1 GPU, the container none" in found.evidence
    assert "nvidia-container-toolkit" in found.hint


@pytest.mark.parametrize(
    ("lacks", "said"), [("version", "Docker does not answer"), ("image", "image ubuntu is not here")]
)
def test_without_docker_or_its_image_nothing_is_pulled(lacks, said) -> None:
    machine = Played(lacks=(lacks,))
    for answer in (gpu.gpu_in_container(machine), gpu.gpu_still_there(machine)):
        assert answer.status == "skip"
        assert said in answer.evidence
    assert not [argv for argv in machine.typed if argv[:2] == ["docker", "run"]]


def test_a_container_that_loses_its_gpu() -> None:
    found = gpu.gpu_still_there(Played(docker=(255, f"{LIST}--\n{LOST}", "")))
    assert found.status == "fail"
    assert found.evidence == f"in the container 1 GPU before, none after: {LOST.strip()}"
    assert "daemon-reload" in found.hint


def test_a_gpu_that_vanishes_from_the_host() -> None:
    found = gpu.gpu_still_there(Played(smi=(0, f"{LIST}--\nNo devices were found\n", "")), container=False)
    assert (found.status, "xid" in found.hint) == ("fail", True)
    assert "on the host 1 GPU before, none after" in found.evidence


def test_a_container_that_never_had_it() -> None:
    found = gpu.gpu_still_there(Played(docker=(125, "", NO_RUNTIME)))
    assert found.status == "fail"
    assert "none from the start" in found.evidence
