"""Everything that the hub can offer, by its full name."""

from __future__ import annotations

from . import busybox
from .definition import Repository

ALL: tuple[Repository, ...] = (busybox.REPOSITORY,)
