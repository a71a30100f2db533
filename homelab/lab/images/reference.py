"""References as Docker reads them: ``jellyfin/jellyfin`` is ``docker.io/jellyfin/jellyfin``, any tag."""

from __future__ import annotations

import re
from dataclasses import dataclass

from homelab.errors import LabRefused

DEFAULT_HOST = "docker.io"
_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"\w[\w.-]{0,127}")


@dataclass(frozen=True)
class Reference:
    """A repository by its full name, host included, and a tag of it or None for all of them."""

    name: str
    tag: str | None = None


def parse(text: str) -> Reference:
    """Read a reference.

    Raises:
        LabRefused: it is none; by digest is not how the lab's hub is asked for what to offer.
    """
    path, colon, tag = text.partition(":") if ":" in text.rpartition("/")[2] else (text, "", "")
    if colon:
        path, _, tag = text.rpartition(":")
    first, slash, rest = path.partition("/")
    host, path = (first, rest) if slash and ("." in first or ":" in first) else (DEFAULT_HOST, path)
    if host in ("index.docker.io", "registry-1.docker.io"):
        host = DEFAULT_HOST
    if host == DEFAULT_HOST and "/" not in path:
        path = f"library/{path}"
    if not _NAME.fullmatch(path) or (colon and not TAG.fullmatch(tag)):
        raise LabRefused(
            f"{text!r} is not the name of an image",
            hint="such as jellyfin/jellyfin or jellyfin/jellyfin:12.3",
        )
    return Reference(f"{host}/{path}", tag or None)


def familiar(name: str) -> str:
    """A full name as a person types it."""
    return name.removeprefix(f"{DEFAULT_HOST}/").removeprefix("library/")
