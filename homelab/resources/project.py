"""A Compose project on a machine: the files in its folder, and the services that run from them.

What ``docker compose up`` was last given is kept beside the files as ``sha256sum`` prints it, so a change of a
file is seen however it came about, and the way back brings the old texts with it. Files that a service
mounts are no business of Compose's: where one changed, every container is made anew.
"""

from __future__ import annotations

import hashlib
import posixpath
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from homelab.engine import engine, run, translated
from homelab.errors import EngineError
from homelab.machine import Machine
from homelab.plan import Later
from homelab.resources import file
from homelab.resources.image import UNREACHED, digest_of
from homelab.resources.project_words import words

if TYPE_CHECKING:
    from docker.models.containers import Container

STAMP = ".started-from"
LABEL = "com.docker.compose"
GONE = "gone"  # whose network a service lives in, where that container is no more
PATIENCE = 300  # seconds for all services together to become healthy
READ_BY_COMPOSE = ("compose.yaml", ".env")
File = tuple[str, str, int]  # path below the folder, text, mode


@dataclass(frozen=True)
class State:
    """The project in `folder`: which Compose services run, and from what.

    `config` has each file's path and the start of its SHA-256; `images` each service's image by its
    registry's digest, or by id (``service=sha256:…``); `shares` who lives in whose network
    (``service=sidecar``). `files` are the texts, so that they can be put back.
    """

    folder: str
    name: str = ""
    running: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    images: tuple[str, ...] | Later = ()
    shares: tuple[str, ...] = field(default=(), compare=False)
    files: tuple[File, ...] = field(default=(), compare=False)


def wanted(
    folder: str,
    name: str,
    services: Iterable[str],
    files: Mapping[str, str],
    *,
    shares: Mapping[str, str] | None = None,
    images: Mapping[str, str] | None = None,
    modes: Mapping[str, int] | None = None,
) -> State:
    """All `services` running from `files` (text by path below the folder; ``compose.yaml`` among them).

    `shares` maps a service to the one whose network it lives in; `images` a service to the digest that it
    must run (whichever its tag names here, by default); `modes` a file to its mode (0o644).
    """
    kept = tuple((path, text, (modes or {}).get(path, 0o644)) for path, text in sorted(files.items()))
    return State(
        folder,
        name,
        tuple(sorted(services)),
        tuple(_fingerprint(path, text) for path, text, _ in kept if _stamped(text)),
        tuple(f"{s}={d}" for s, d in sorted(images.items())) if images else Later("Compose started them"),
        tuple(f"{s}={other}" for s, other in sorted((shares or {}).items())),
        kept,
    )


def _fingerprint(path: str, text: str) -> str:
    return f"{path}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _stamped(text: str) -> bool:
    """A file with a secret in it is left out: its text is not known before the moment of use."""
    return not file.REFERENCE.search(text)


def read(machine: Machine, name: str) -> State:
    """Look at what runs and what it was started from; where no engine can be asked, nothing runs.

    Raises:
        EngineError: the engine went away while it was asked.
    """
    stamp = machine.read_text(posixpath.join(name, STAMP)) or ""
    kept = {path: digest[:12] for digest, _, path in (line.partition("  ") for line in stamp.splitlines())}
    config, files = [f"{path}:{digest}" for path, digest in kept.items()], []
    for path in kept or READ_BY_COMPOSE:
        now = file.read(machine, posixpath.join(name, path))
        if now.text is not None and (
            path in kept or not now.private
        ):  # a reader's passwords are not ours to copy
            files.append((path, now.text, now.mode))
    state = State(name, config=tuple(config), files=tuple(files))
    try:
        with translated(machine):
            return _running(machine, state)
    except EngineError as error:
        if error.kind in UNREACHED:
            return replace(state, config=())
        raise


def _running(machine: Machine, state: State) -> State:
    filters: dict[str, Any] = {"label": [f"{LABEL}.project.working_dir={state.folder}"]}
    found = engine(machine).containers.list(all=True, filters=filters)
    parts = [c for c in found if c.labels.get(f"{LABEL}.oneoff") != "True"]
    if all(
        c.status in ("created", "exited") for c in parts
    ):  # as good as down, which is what leads back to it
        return replace(state, config=())
    service = {c.id: c.labels[f"{LABEL}.service"] for c in parts}
    shares = {}
    for one in parts:
        kind, _, other = one.attrs["HostConfig"]["NetworkMode"].partition(":")
        if kind == "container":
            shares[service[one.id]] = service.get(other, GONE)
    return replace(
        state,
        name=parts[0].labels[f"{LABEL}.project"],
        # Who lives in a network that is gone answers nobody, and only being made anew helps.
        running=tuple(
            sorted(
                {name for c in parts if c.status == "running" and shares.get(name := service[c.id]) != GONE}
            )
        ),
        images=tuple(sorted(f"{service[c.id]}={_image(c)}" for c in parts)),
        shares=tuple(f"{s}={other}" for s, other in sorted(shares.items())),
    )


def _image(container: Container) -> str:
    from docker.errors import ImageNotFound

    try:
        image = container.image
    except ImageNotFound:  # removed by force
        image = None
    known = digest_of(image, container.attrs["Config"]["Image"]) if image else ""
    return known or str(container.attrs["Image"])


def command(before: State, after: State) -> list[str]:
    """The files, then ``docker compose up``; or ``down``, and what it was started from as it was before."""
    folder = shlex.quote(after.folder)
    lines = [file.command(old, new)[2] for old, new in _changed(before, after)]
    if not after.running:
        return ["sh", "-c", "\n".join([f"cd {folder} && docker compose down && rm -f {STAMP}", *lines])]
    stamped = shlex.join(path for path, text, _ in after.files if _stamped(text))
    lines.append(f"cd {folder} && {_up(before, after)} && sha256sum {stamped} > {STAMP}")
    return ["sh", "-c", "\n".join(lines)]


def _up(before: State, after: State) -> str:
    alone = any(shared.endswith(f"={GONE}") for shared in before.shares)
    anew = " --force-recreate" if alone or _mounted(before, after) else ""
    return f"docker compose up -d --wait --wait-timeout {PATIENCE} --remove-orphans{anew}"


def _mounted(before: State, after: State) -> bool:
    """Whether a file changed that a running service mounts, and that Compose does not look at.

    Where nothing is kept of what was started, it is as it was found.
    """
    return bool(before.config) and any(
        new.text != old.text and posixpath.relpath(new.path, after.folder) not in READ_BY_COMPOSE
        for old, new in _changed(before, after)
    )


def _changed(before: State, after: State) -> list[tuple[file.State, file.State]]:
    """The files that differ, old and new; one that is no longer wanted is removed."""
    old = {path: file.State(posixpath.join(after.folder, path), t, m) for path, t, m in before.files}
    new = {path: file.State(posixpath.join(after.folder, path), t, m) for path, t, m in after.files}
    pairs = []
    for path in sorted({*old, *new}):
        at = posixpath.join(after.folder, path)
        pair = (old.get(path, file.State(at, None)), new.get(path, file.State(at, None)))
        if pair[0] != pair[1]:
            pairs.append(pair)
    return pairs


def do(machine: Machine, before: State, after: State) -> None:
    """Write what differs, and run Compose; it waits until every service is healthy.

    Raises:
        EngineError: the Compose file is wrong, an image or a port cannot be had, a service is not healthy.
        PrerequisiteMissing: a secret that a file needs is not there.
        WaitTimeout: Compose did not end in time.
    """
    folder, typed = shlex.quote(after.folder), command(before, after)[2].splitlines()
    if not after.running:
        run(machine, ["sh", "-c", typed[0]], timeout=PATIENCE)
    for _, new in _changed(before, after):
        now = file.read(machine, new.path)
        if now != new:
            file.do(machine, now, new)
    if after.running:
        run(machine, ["sh", "-c", f"cd {folder} && docker compose config --quiet"])
        run(machine, ["sh", "-c", typed[-1]], timeout=PATIENCE + 300.0)


def difference(before: State, after: State) -> str:
    """Which services start, stop or are made anew, and why; then each file's own difference."""
    files = [file.difference(old, new) for old, new in _changed(before, after)] if after.running else []
    return "\n".join([words(before, after), *files])
