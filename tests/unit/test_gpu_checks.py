"""Who sees the graphics card. Output by the form of nvidia-smi(1)'s --query-gpu with csv,noheader.

https://manpages.ubuntu.com/manpages/plucky/man1/nvidia-smi.1.html; its failure as in
https://github.com/microsoft/WSL/issues/9134, Docker's as in https://github.com/NVIDIA/nvidia-docker/issues/1352.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_windows import FakeWsl

from homelab.checks import gpu

CARD = "NVIDIA GeForce GTX 1060 3GB, 3072 MiB, 552.44"
FAILED = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
    "Make sure that the latest NVIDIA driver is installed and running."
)
DOCKER = """#!/bin/sh
case "$*" in
  version) exit 0;;
  "image inspect ubuntu") exit 0;;
  "image inspect "*) exit 1;;
  "run --rm --pull=never --network=none --gpus=all ubuntu nvidia-smi --query-gpu="*) {0};;
esac
"""
REFUSED = (
    'docker: Error response from daemon: could not select device driver \\"\\" with capabilities: [[gpu]].'
)


@pytest.fixture
def wsl(tmp_path: Path) -> FakeWsl:
    return FakeWsl(tmp_path)


def says(text: str, rc: int = 0) -> str:
    return f'#!/bin/sh\necho "{text}"\nexit {rc}\n'


def test_nobody_has_a_card(wsl) -> None:
    answers = [
        gpu.windows_sees_the_gpu(wsl),
        gpu.sees_the_gpu(wsl),
        gpu.a_container_sees_the_gpu(wsl, "ubuntu"),
    ]
    assert [a.status for a in answers] == ["skip"] * 3
    assert all(a.evidence for a in answers)


def test_all_three_see_it(wsl) -> None:
    wsl.put("nvidia-smi.exe", says(CARD + "\\r"))
    wsl.put("nvidia-smi", says(CARD))
    wsl.put("docker", DOCKER.format(f"echo '{CARD}'"))
    answers = [
        gpu.windows_sees_the_gpu(wsl),
        gpu.sees_the_gpu(wsl),
        gpu.a_container_sees_the_gpu(wsl, "ubuntu"),
    ]
    assert [(a.status, a.evidence) for a in answers] == [("ok", CARD)] * 3
    assert len({a.vantage for a in answers}) == 3


def test_one_floor_proves_nothing_of_the_next(wsl) -> None:
    wsl.put("nvidia-smi.exe", says(CARD))
    wsl.put("nvidia-smi", says(FAILED, 9))
    assert gpu.windows_sees_the_gpu(wsl).status == "ok"
    answer = gpu.sees_the_gpu(wsl)
    assert (answer.status, answer.evidence) == ("warn", FAILED)
    wsl.put("nvidia-smi", says(CARD))
    wsl.put("docker", DOCKER.format(f'echo "{REFUSED}" >&2; echo "See docker run --help." >&2; exit 125'))
    answer = gpu.a_container_sees_the_gpu(wsl, "ubuntu")
    assert (answer.status, "could not select device driver" in answer.evidence) == ("warn", True)
    assert "nvidia-container-toolkit" in answer.hint


def test_nothing_is_pulled_for_the_question(wsl) -> None:
    wsl.put("nvidia-smi", says(CARD))
    wsl.put("docker", DOCKER.format("exit 1"))
    answer = gpu.a_container_sees_the_gpu(wsl, "alpine")
    assert (answer.status, answer.hint) == ("skip", "docker pull alpine")
    wsl.put("docker", "#!/bin/sh\nexit 1\n")
    assert gpu.a_container_sees_the_gpu(wsl, "ubuntu").evidence == "Docker does not answer"
