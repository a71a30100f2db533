"""An image on a machine, under the name that a registry knows it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homelab.engine import engine, translated
from homelab.engine.registry import parts
from homelab.errors import EngineError
from homelab.machine import Machine
from homelab.plan import Later

if TYPE_CHECKING:
    from docker.models.images import Image

UNREACHED = ("absent", "stopped", "forbidden")  # an engine of which nothing can be asked holds nothing


@dataclass(frozen=True)
class State:
    """Whether the image `reference` is there; `digest` is the registry's (none for an image made here)."""

    reference: str
    present: bool
    digest: str | Later = ""


def wanted(reference: str, digest: str = "") -> State:
    """The image there, whichever the registry offers under this name; or exactly the one with `digest`."""
    return State(reference, True, digest or Later("the pull"))


def read(machine: Machine, name: str) -> State:
    """Ask the engine; where none can be asked, nothing is there.

    Raises:
        EngineError: the engine went away while it was asked.
    """
    from docker.errors import ImageNotFound

    try:
        with translated(machine):
            try:
                found = engine(machine).images.get(name)
            except ImageNotFound:
                return State(name, False)
    except EngineError as error:
        if error.kind in UNREACHED:
            return State(name, False)
        raise
    return State(name, True, digest_of(found, name))


def digest_of(image: Image, reference: str) -> str:
    """The digest under which the registry of `reference` knows `image`; empty for an image made here."""
    for known in image.attrs.get("RepoDigests") or ():
        if parts(known)[:2] == parts(reference)[:2]:
            return str(known.partition("@")[2])
    return ""


def command(before: State, after: State) -> list[str]:
    """``docker pull``, by digest and tagged where a certain one is wanted; ``docker image rm`` to remove."""
    if not after.present:
        return ["docker", "image", "rm", after.reference]
    if isinstance(after.digest, Later) or not after.digest:
        return ["docker", "pull", after.reference]
    exact = _exact(after)
    return ["sh", "-c", f"docker pull {exact} && docker tag {exact} {after.reference}"]


def _exact(state: State) -> str:
    name = state.reference.partition("@")[0]
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    return f"{name}@{state.digest}"


def do(machine: Machine, before: State, after: State) -> None:
    """Pull with the progress of each layer, or remove.

    Raises:
        EngineError: see `homelab.engine.pull`; or a container still uses the image.
    """
    from homelab.engine.pull import pull, split

    client = engine(machine)
    if not after.present:
        with translated(machine):
            client.images.remove(after.reference)
        return
    if isinstance(after.digest, Later) or not after.digest:
        pull(machine, after.reference)
        return
    pull(machine, _exact(after))
    with translated(machine):
        name, tag = split(after.reference)
        client.api.tag(_exact(after), name, tag)
