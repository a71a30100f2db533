"""What can be set about a played Windows while the lab runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from homelab.errors import nearest

from ..wire import Unfit

RELEASES = {19045: "22H2", 22631: "23H2", 26100: "24H2", 26200: "25H2"}
UBR = {19045: 6456, 22631: 6199, 26100: 6899, 26200: 6899}  # the revision after the build's number


@dataclass
class Settings:
    """As it is now; see `CHOICES` for what can be."""

    build: int = 19045
    locale: str = "en-US"
    admin: str = "asked"
    network: str = "Private"
    firewall: str = "obeys"
    delay_ms: int = 0
    idle_ms: int = 0

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some; nothing if one of them is unfit.

        Raises:
            Unfit: there is no such setting, or it cannot have that value.
        """
        for name, value in wanted.items():
            if name not in CHOICES:
                raise Unfit(f"there is no setting {name!r} of Windows", hint=nearest(name, CHOICES))
            allowed = CHOICES[name]
            if isinstance(value, bool) or value not in allowed:
                raise Unfit(f"{name}: {value!r} is out of range", hint=_told(allowed))
        for name, value in wanted.items():
            setattr(self, name, value)

    def shown(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @property
    def version(self) -> str:
        """``10.0.19045.6456``, as Windows counts itself, 11 included."""
        return f"10.0.{self.build}.{UBR[self.build]}"


CHOICES: dict[str, tuple[Any, ...] | range] = {
    "build": tuple(RELEASES),
    "locale": ("en-US", "de-DE", "es-ES", "fr-FR"),
    "admin": ("asked", "refused", "elevated"),  # to UAC the person says yes, says no, or has said yes before
    "network": ("Private", "Public"),  # what Windows takes the home's network for
    "firewall": (
        "obeys",
        "ignores",
    ),  # whether rules that are made have an effect, as with a policy over them
    "delay_ms": range(0, 10_001),  # how long each call from WSL takes
    "idle_ms": range(0, 600_001),  # how long 15 idle seconds of a distribution are here; 0: it never stops
}


def _told(allowed: tuple[Any, ...] | range) -> str:
    if isinstance(allowed, range):
        return f"{allowed.start} to {allowed.stop - 1}"
    return ", ".join(map(str, allowed))
