"""Fooocus and Ollama on a server with a card, as the talk's author has them on a g4dn.xlarge: planned as changes.

The driver by ``ubuntu-drivers``, a reboot, ``nvidia-smi``; Fooocus in a virtual environment as a service of
systemd; Ollama by its install script, and a model. Without a card nothing of it is done: `hindrance` says why,
and `carry_out` leaves it at the plan that was shown.

Sources: https://github.com/lllyasviel/Fooocus (readme, "Linux (Using Python Venv)"), https://ollama.com.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homelab import vantage
from homelab.errors import ParamsError, Problem
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import (
    checkout,
    nvidia_driver,
    nvidia_loaded,
    old_python,
    ollama_model,
    ollama_server,
    systemd_unit,
    venv_app,
)
from homelab.vantage import Nobody

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "09_gpu_benchmarks"
FOOOCUS = "https://github.com/lllyasviel/Fooocus.git"
PYTHON, ENVIRONMENT, REQUIREMENTS = "3.10", "fooocus_env", "requirements_versions.txt"
UNIT = """\
[Unit]
Description=Fooocus: pictures from words, on port {port}
Wants=network-online.target
After=network-online.target

[Service]
User={user}
WorkingDirectory={folder}
ExecStart={folder}/fooocus_env/bin/python entry_with_update.py --listen --port {port} --disable-in-browser
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
NONE, PCI, WSL = "none", "pci", "wsl"
LOOK = """
[ -e /dev/dxg ] && echo wsl
for card in /sys/bus/pci/devices/*; do
  [ "$(cat "$card/vendor" 2>/dev/null)" = 0x10de ] && case $(cat "$card/class") in 0x03*) echo pci;; esac
done
. /etc/os-release 2>/dev/null; echo "id $ID $VERSION_ID"
"""
LISTENS = (
    "Fooocus listens on every address (--listen), Ollama on the machine's own: let only the tailnet in, "
    "or reach both by `tailscale serve`."
)
WINDOWS = "In WSL the driver is Windows' own, and none is installed inside: https://docs.nvidia.com/cuda/wsl-user-guide/"


@dataclass(frozen=True)
class Wish:
    """What is wanted on the machine that plays `role`: Fooocus as `user` in `folder`, on `port`; Ollama with `model`.

    An empty `folder` or `model` leaves the one or the other out.
    """

    role: str = "fooocus"
    user: str = "ubuntu"
    folder: str = "/home/ubuntu/Fooocus"
    port: int = 7865
    model: str = "phi3"

    def __post_init__(self) -> None:
        problems = [
            Problem(name, what)
            for name, bad, what in (
                ("folder", bool(self.folder) and not _is_path(self.folder), f"{self.folder!r}: a path of two folders or more, from / on, of letters, digits, . _ - and /"),
                ("user", not self.user.replace("-", "").replace("_", "").isalnum(), f"{self.user!r} is no user's name"),
                ("port", not 1024 <= self.port <= 65535, f"{self.port}: from 1024 to 65535, for it is no root's"),
                ("model", any(c.isspace() for c in self.model) or self.model.startswith("-"), f"{self.model!r} is no model's name"),
            )
            if bad
        ]  # fmt: skip
        if problems:
            raise ParamsError(problems)


def _is_path(text: str) -> bool:
    """Whether `text` can stand in a unit's file and a command as it is."""
    return (
        text.startswith("/")
        and len(text.split("/")) > 2
        and ".." not in text
        and all(c.isalnum() or c in "/._-" for c in text)
    )


def plan(world: World, wish: Wish | None = None) -> Plan:
    """What is missing, in order; its notes say why it is not done here, if it is not.

    Raises:
        HomelabError: somebody else's files are in Fooocus' folder.
    """
    want = wish or Wish()
    machine = world[want.role]
    card, system = look(machine)
    notes = [] if card == NONE else [LISTENS]
    if why := hindrance(world, want.role):
        notes.append(why)
    if card == WSL:
        notes.append(WINDOWS)
    if not system.startswith("ubuntu"):
        notes.append(f"The commands are Ubuntu's; {want.role} runs {system or 'something else'}.")
    parts = [
        *([] if card == WSL else [_driver(machine, want.role)]),
        *([_fooocus(machine, want)] if want.folder else []),
        *([_ollama(machine, want)] if want.model else []),
    ]
    return planned(STAGE, *parts, notes=notes)


def look(machine: Machine) -> tuple[str, str]:
    """Where the machine's card is (``none``, ``pci``, ``wsl``: Windows lends it), and its system, such as ``ubuntu 24.04``."""
    lines = machine.run(["sh", "-c", LOOK]).out.splitlines()
    system = next((line[3:] for line in lines if line.startswith("id ")), "").strip()
    return next((kind for kind in (WSL, PCI) if kind in lines), NONE), system


def hindrance(world: World, role: str) -> str:
    """Why nothing of the plan is done on `role`; empty where it can be."""
    if world.lab:
        return f"Shown, not done: {role} is a machine of the lab, which has no card of its own and no way to reboot."
    if look(world[role])[0] == NONE:
        return f"Shown, not done: {role} has no NVIDIA card (none among its PCI devices, and none lent by Windows)."
    return ""


def seat(world: World, role: str) -> Machine | Nobody:
    """Where the installed programs can be asked: `role`, or `Nobody`, so that checks answer *skip*, with the reason."""
    if role not in world:
        return vantage.seat(world, role)
    why = hindrance(world, role)
    return Nobody(role, why) if why else world[role]


def carry_out(world: World, wanted: Plan, role: str) -> bool:
    """`World.apply`, where there is a card; else only say why not. Whether all of it is there now.

    What cannot be done on this machine at all is no change that waits: it is no drift.
    """
    why = hindrance(world, role)
    if not why or not wanted:
        return world.apply(wanted)
    print(why)
    return False


def _driver(machine: Machine, role: str) -> tuple[Change, ...]:
    loaded = nvidia_loaded.read(machine)
    if loaded.loaded:
        return ()  # by whichever way it came
    packages = nvidia_driver.read(machine)
    return (
        *change(role, "nvidia_driver", packages, nvidia_driver.State(True), "install the driver for the card"),
        *change(
            role, "nvidia_loaded", loaded, nvidia_loaded.State(True), "load it: a reboot, by you",
            loses="what runs there is interrupted",
        ),
    )  # fmt: skip


def _fooocus(machine: Machine, wish: Wish) -> tuple[Change, ...]:
    role, folder = wish.role, wish.folder
    path = f"{folder}/{ENVIRONMENT}"
    unit = systemd_unit.State(
        "fooocus", UNIT.format(user=wish.user, folder=folder, port=wish.port), True, True
    )
    return (
        *change(
            role, "old_python", old_python.read(machine, PYTHON), old_python.State(PYTHON, True),
            f"Python {PYTHON}, the one that Fooocus' packages are built for", name=PYTHON,
        ),
        *change(role, "checkout", checkout.read(machine, folder), checkout.State(folder, FOOOCUS), "fetch Fooocus", name=folder),
        *change(
            role, "venv_app", venv_app.read(machine, path), venv_app.State(folder, ENVIRONMENT, True, PYTHON, REQUIREMENTS),
            "its packages, in an environment of its own", name=path,
        ),
        *change(role, "systemd_unit", systemd_unit.read(machine, "fooocus"), unit, "run it as a service", name="fooocus"),
    )  # fmt: skip


def _ollama(machine: Machine, wish: Wish) -> tuple[Change, ...]:
    return (
        *change(
            wish.role, "ollama_server", ollama_server.read(machine), ollama_server.State(True, True),
            "install Ollama, which starts with the machine",
        ),
        *change(
            wish.role, "ollama_model", ollama_model.read(machine, wish.model), ollama_model.wanted(wish.model),
            f"fetch {wish.model}", name=wish.model,
        ),
    )  # fmt: skip
