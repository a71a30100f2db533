"""Which hardware a Jellyfin server encodes with: none, VAAPI (Intel, AMD) or NVENC (NVIDIA)."""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.clients.jellyfin import JellyfinError, seen_from
from homelab.errors import PrerequisiteMissing
from homelab.machine import Machine
from homelab.resources.jellyfin_api import Door, line, login_line

NONE = "none"
RENDER = "/dev/dri/renderD128"  # the first graphics card's render node


@dataclass(frozen=True)
class State:
    """`hardware` in the server's own words; `device` is VAAPI's. `door`: see `jellyfin_api.Door`."""

    hardware: str
    device: str = field(default=RENDER, compare=False)
    door: str = field(default="", compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Ask the server; one that does not answer, or does not know us yet, has the setting that it starts with."""
    door = Door.parse(name)
    try:
        found = seen_from(machine, door.url, door.account).encoding()
    except (JellyfinError, PrerequisiteMissing):
        return State(NONE, door=str(door))
    return State(
        str(found.get("HardwareAccelerationType") or NONE), str(found.get("VaapiDevice") or RENDER), str(door)
    )


def command(before: State, after: State) -> list[str]:
    """The API by curl: log in, take the settings, send them back with one word changed."""
    door = Door.parse(after.door or before.door)
    take = line(door, "/System/Configuration/encoding", method="GET")
    sets = f'.HardwareAccelerationType="{after.hardware}" | .VaapiDevice="{after.device}"'
    give = line(door, "/System/Configuration/encoding", "@-")
    return ["sh", "-c", f"{login_line(door)}\n{take} | jq '{sets}' |\n{give}"]


def do(machine: Machine, before: State, after: State) -> None:
    """The same through our client.

    Raises:
        JellyfinError: the server refuses.
    """
    door = Door.parse(after.door or before.door)
    found = seen_from(machine, door.url, door.account)
    found.set_encoding(HardwareAccelerationType=after.hardware, VaapiDevice=after.device)
