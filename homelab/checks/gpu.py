"""Who sees the graphics card: Windows, WSL, a container? Each has to be asked itself, for none proves the next.

Windows' own driver lends the card to WSL (``/dev/dxg``, and ``nvidia-smi`` in /usr/lib/wsl/lib); a Linux driver inside WSL
would only be in its way. A container sees it where NVIDIA's container toolkit hands it on. NVIDIA only: it is the talk's.

Sources: https://docs.nvidia.com/cuda/wsl-user-guide/index.html,
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
"""

from __future__ import annotations

from homelab.check import Answer, check
from homelab.machine import Machine
from homelab.wsl import interop

QUERY = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
SEE = 'PATH="$PATH:/usr/lib/wsl/lib"; command -v nvidia-smi >/dev/null || exit 44; exec nvidia-smi "$@"'
MISSING = 44
PATIENCE = 60.0  # seconds that a container may take to start
TOOLKIT = "NVIDIA's container toolkit hands it on: apt-get install nvidia-container-toolkit, then nvidia-ctk runtime configure"


@check
def windows_sees_the_gpu(machine: Machine) -> Answer:
    """Does Windows see the graphics card? Asked through WSL."""
    name, place = "Windows sees the GPU", "Windows"
    said = interop.call(machine, "nvidia-smi.exe", *QUERY)
    if said.fault == interop.MISSING:
        why = "there is no nvidia-smi.exe: no NVIDIA card, or not its driver"
        return Answer(name, place, "skip", why, "install NVIDIA's driver for Windows, if there is a card")
    said.ran()
    return _answer(name, place, said.rc, said.out, said.err, "the driver is there and finds no card")


@check
def sees_the_gpu(machine: Machine) -> Answer:
    """Does the machine itself see it: WSL, or a Linux machine?"""
    name = "WSL sees the GPU"
    done = machine.run(["sh", "-c", SEE, "sh", *QUERY])
    if done.rc == MISSING:
        lent = bool(machine.run(["test", "-e", "/dev/dxg"]))
        why = "there is no nvidia-smi" + ("" if lent else ", and no /dev/dxg: nobody lends it a card")
        return Answer(name, machine.name, "skip", why, "Windows' driver brings it; then `wsl --shutdown`")
    return _answer(name, machine.name, done.rc, done.out, done.err, "wsl --update, then wsl --shutdown")


@check
def a_container_sees_the_gpu(machine: Machine, image: str) -> Answer:
    """Does a container of `image`, which must be here already and hold glibc? It is started, asked, and gone."""
    name, place = "a container sees the GPU", f"a container on {machine.name}"
    if not machine.run(["sh", "-c", SEE, "sh", *QUERY]):
        return Answer(name, place, "skip", f"{machine.name} itself sees none")
    if not machine.run(["docker", "version"]):
        return Answer(name, place, "skip", "Docker does not answer")
    if not machine.run(["docker", "image", "inspect", image]):
        return Answer(name, place, "skip", f"the image {image} is not here", f"docker pull {image}")
    run = [
        "docker",
        "run",
        "--rm",
        "--pull=never",
        "--network=none",
        "--gpus=all",
        image,
        "nvidia-smi",
        *QUERY,
    ]
    done = machine.run(run, timeout=PATIENCE)
    return _answer(name, place, done.rc, done.out, done.err, TOOLKIT)


def _answer(name: str, place: str, rc: int, out: str, err: str, hint: str) -> Answer:
    """A card that nvidia-smi names is a GPU; that there is none is worth a warning, as somebody put its driver there."""
    cards = [line.strip() for line in out.splitlines() if line.count(",") == 2]
    if rc == 0 and cards:
        return Answer(name, place, "ok", "; ".join(cards))
    words = (err.strip() or out.strip() or "it said nothing").splitlines()
    return Answer(name, place, "warn", words[0], hint)
