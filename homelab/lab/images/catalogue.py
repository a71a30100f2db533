"""Everything that the hub can offer, by its full name."""

from __future__ import annotations

from .definition import Repository
from .repositories import (
    busybox,
    home_assistant,
    immich,
    jellyfin,
    minecraft,
    miniflux,
    mosquitto,
    postgres,
    python,
    tailscale,
    valkey,
)

ALL: tuple[Repository, ...] = (
    jellyfin.REPOSITORY,
    immich.REPOSITORY,
    postgres.IMMICH_POSTGRES,
    valkey.REPOSITORY,
    mosquitto.REPOSITORY,
    tailscale.REPOSITORY,
    python.REPOSITORY,
    postgres.POSTGRES,
    miniflux.REPOSITORY,
    home_assistant.REPOSITORY,
    minecraft.REPOSITORY,
    busybox.REPOSITORY,
)
