"""Everything that the hub can offer, by its full name."""

from __future__ import annotations

from .definition import Repository
from .repositories import busybox, immich, jellyfin, mosquitto, postgres, tailscale, valkey

ALL: tuple[Repository, ...] = (
    jellyfin.REPOSITORY,
    immich.REPOSITORY,
    postgres.IMMICH_POSTGRES,
    valkey.REPOSITORY,
    mosquitto.REPOSITORY,
    tailscale.REPOSITORY,
    postgres.POSTGRES,
    busybox.REPOSITORY,
)
