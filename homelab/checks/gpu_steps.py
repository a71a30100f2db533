"""Is there a GPU: on the host, in a container, and still there after a while? Three questions, for each may differ.

A machine without a GPU, or without a driver for it, is no failure: everything runs on its processor, slower.
A driver that was given a card and cannot use it is one. That the host sees a card proves nothing about a container, and a container that saw
one may lose it later. What Windows and WSL see, `homelab.checks.gpu` asks. See https://github.com/NVIDIA/nvidia-container-toolkit/issues/48
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from homelab.check import Answer, check
from homelab.checks.gpu import MISSING, SEE
from homelab.machine import Machine, Result

FIELDS = "name,uuid,memory.total,memory.free,driver_version,power.limit,temperature.gpu"
IMAGE = "ubuntu"  # the NVIDIA runtime puts nvidia-smi into any image
ON_CPU = "everything runs on the processor, slower"
# What there is of an NVIDIA card (PCI vendor 10de, display class 03): the card, its driver, its devices; WSL's Windows.
LOOK = """
for d in /sys/bus/pci/devices/*; do
    [ "$(cat "$d/vendor" 2>/dev/null)" = 0x10de ] && case "$(cat "$d/class")" in 0x03*) echo card ;; esac
done
[ ! -d /sys/module/nvidia ] || echo driver
[ ! -e /dev/nvidiactl ] || echo device
[ ! -e /dev/dxg ] || echo windows
"""
START = 60.0  # seconds that a container may take to start
WSL = 'PATH="$PATH:/usr/lib/wsl/lib"'  # where Windows' driver puts nvidia-smi
MEANS = (  # what a failing command says, and what to do then
    ("could not select device driver", "install nvidia-container-toolkit, `sudo nvidia-ctk runtime configure`, restart Docker"),
    ("unknown or invalid runtime", "install nvidia-container-toolkit, `sudo nvidia-ctk runtime configure`, restart Docker"),
    ("failed to initialize nvml: unknown error", "the container lost the card, as after `systemctl daemon-reload`: start it anew"),
    ("driver/library version mismatch", "the driver was updated: reboot, or unload the old one"),
    ("couldn't communicate with the nvidia driver", "`ubuntu-drivers install`, then reboot"),
    ("no devices were found", "`sudo dmesg | grep -i xid` says why the card fell off"),
    ("gpu is lost", "`sudo dmesg | grep -i xid` says why the card fell off; reboot"),
    ("permission denied", "may this user talk to Docker? sudo usermod -aG docker, then log in again"),
)  # fmt: skip


@check
def gpu_on_host(machine: Machine) -> Answer:
    """Does the machine itself see a GPU, with a driver that answers?"""
    name = "GPU on the host"
    done = _ask(machine, f"--query-gpu={FIELDS}", "--format=csv,noheader")
    if done and done.out.strip():
        return Answer(name, machine.name, "ok", _told(done.out))
    there = machine.run(["sh", "-c", LOOK]).out.split()
    said = "nvidia-smi is not installed" if done.rc == MISSING else _said(done)
    if "device" in there or ("windows" in there and done.rc != MISSING):
        what = f"there is an NVIDIA card with its driver, and it does not work: {said}"
        return Answer(name, machine.name, "fail", what, _hint(said))
    if "driver" in there:
        what, hint = (
            "an NVIDIA card and its driver are here, and are not passed on to this machine",
            "a GPU belongs to the host",
        )
    elif "card" in there:
        what, hint = (
            "an NVIDIA card is here without its driver",
            "`ubuntu-drivers install`, a reboot, then `nvidia-smi`",
        )
    else:
        what, hint = "no NVIDIA GPU", "that is enough for the small model; a card is for larger ones"
    return Answer(name, machine.name, "warn", f"{what}: {ON_CPU}", hint)


@check
def gpu_in_container(machine: Machine, image: str = IMAGE) -> Answer:
    """Does a container that is given the GPUs see the same ones as the host?"""
    name = "GPU in a container"
    there = _cards(_ask(machine, "-L"))
    if not there:
        return Answer(name, machine.name, "skip", "the host sees no GPU that it could pass on")
    if lacking := _no_container(machine, image):
        return Answer(name, machine.name, "skip", *lacking)
    done = machine.run(_container(image, "nvidia-smi", "-L"), timeout=START)
    seen = _cards(done)
    if seen == there:
        return Answer(name, machine.name, "ok", f"the container sees the same {_count(seen)} as the host")
    said = f"the host sees {_count(there)}, the container {_count(seen)}"
    return Answer(name, machine.name, "fail", f"{said}: {_said(done)}", _hint(_said(done)))


@check
def gpu_still_there(
    machine: Machine, seconds: float = 60.0, image: str = IMAGE, container: bool = True
) -> Answer:
    """Is the GPU still there after `seconds`, seen from the same container (else from the host)?"""
    name = f"GPU still there after {seconds:g} s"
    if not _cards(_ask(machine, "-L")):
        return Answer(name, machine.name, "skip", "the host sees no GPU")
    twice = f"nvidia-smi -L; echo --; sleep {seconds:g}; nvidia-smi -L"
    if container and (lacking := _no_container(machine, image)):
        return Answer(name, machine.name, "skip", *lacking)
    argv = _container(image, "sh", "-c", twice) if container else ["sh", "-c", f"{WSL}; {twice}"]
    done = machine.run(argv, timeout=START + seconds)
    before, parted, after = done.out.partition("--\n")
    first, then = _uuids(before), _uuids(after)
    where = "in the container" if container else "on the host"
    if first and first == then and done:
        return Answer(name, machine.name, "ok", f"{where} {_count(first)} before and after")
    if not parted or not first:
        return Answer(
            name,
            machine.name,
            "fail",
            f"{where} there was none from the start: {_said(done)}",
            _hint(_said(done)),
        )
    said = f"{where} {_count(first)} before, {_count(then)} after: {_said(done, after)}"
    return Answer(name, machine.name, "fail", said, _hint(said))


def _ask(machine: Machine, *options: str) -> Result:
    return machine.run(["sh", "-c", SEE, "sh", *options])


def _no_container(machine: Machine, image: str) -> tuple[str, str] | None:
    """Why none can be started, and what to do; nothing is pulled in passing."""
    if not machine.run(["docker", "version"]):
        return "Docker does not answer", ""
    if not machine.run(["docker", "image", "inspect", image]):
        return f"the image {image} is not here", f"docker pull {image}"
    return None


def _container(image: str, *command: str) -> list[str]:
    return ["docker", "run", "--rm", "--pull=never", "--network=none", "--gpus", "all", image, *command]


def _cards(done: Result) -> tuple[str, ...]:
    return _uuids(done.out) if done else ()


def _uuids(text: str) -> tuple[str, ...]:
    return tuple(sorted(re.findall(r"UUID: (GPU-[0-9a-fA-F-]+)", text)))


def _count(cards: Sequence[str]) -> str:
    return f"{len(cards)} GPU{'s' * (len(cards) != 1)}" if cards else "none"


def _told(rows: str) -> str:
    """nvidia-smi's table, a card a line, as a sentence."""
    lines = []
    for row in rows.strip().splitlines():
        name, _, total, free, driver, limit, heat, *_ = [
            *(cell.strip() for cell in row.split(",")),
            *[""] * 7,
        ]
        told = [f"{name}: {free} free of {total}", f"driver {driver}"]
        told += [f"power limit {limit}"] if limit[:1].isdigit() else []
        told += [f"{heat} °C"] if heat.isdigit() else []
        lines.append(", ".join(told))
    return "\n".join(lines)


def _said(done: Result, also: str = "") -> str:
    """The line that tells what is wrong: the first that we know, else the last."""
    lines = (done.err.strip() or also.strip() or done.out.strip() or "it printed nothing").splitlines()
    known = (line for line in lines if any(words in line.lower() for words, _ in MEANS))
    return next(known, lines[-1]).strip()


def _hint(said: str) -> str:
    return next((hint for words, hint in MEANS if words in said.lower()), "what does `nvidia-smi` say there?")
