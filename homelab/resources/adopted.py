"""Somebody's own Compose project, used where it is and as it is: which of its services run.

Its files are read by Compose and never written, moved or stamped. A service that stands still is started from
them as they are; what runs is left alone, also where a file was edited since. The way back is ``docker compose
stop``: containers, volumes and files stay.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homelab.engine import engine, run, translated
from homelab.errors import EngineError
from homelab.machine import Machine
from homelab.resources.image import UNREACHED
from homelab.resources.project import LABEL

if TYPE_CHECKING:
    from docker.models.containers import Container

PATIENCE = 600.0  # seconds: an image that is missing is fetched


@dataclass(frozen=True)
class State:
    """The project of these `files` (as Compose was given them, with commas between), and which services run.

    A service that has done its work and ended well counts as running, as long as another one runs.
    `project` is what Compose calls it where it is up; else Compose finds that out.
    """

    files: str
    running: tuple[str, ...] = ()
    project: str = field(default="", compare=False)


def paths(files: str) -> list[str]:
    """The files, the main one first."""
    return [part.strip() for part in files.split(",") if part.strip()]


def typed(files: str, project: str = "") -> list[str]:
    """``docker compose`` for these files."""
    name = ["-p", project] if project else []
    return ["docker", "compose", *name, *(word for path in paths(files) for word in ("-f", path))]


def read(machine: Machine, name: str) -> State:
    """What runs of the project whose files are `name`; nothing where no engine can be asked.

    Raises:
        EngineError: the engine went away while it was asked.
    """
    try:
        with translated(machine):
            found = containers(machine, name)
    except EngineError as error:
        if error.kind in UNREACHED:
            return State(name)
        raise
    up = [c for c in found if c.status == "running"]
    running = {c.labels[f"{LABEL}.service"] for c in up}
    if up:
        running |= {c.labels[f"{LABEL}.service"] for c in found if _has_ended_well(c)}
    project = found[0].labels[f"{LABEL}.project"] if found else ""
    return State(name, tuple(sorted(running)), project)


def containers(machine: Machine, files: str) -> list[Container]:
    """The containers that Compose made from `files`.

    Raises:
        EngineError, docker.errors.DockerException: no engine answers.
    """
    label = f"{LABEL}.project.config_files"
    filters: dict[str, Any] = {"label": [label]}
    here = engine(machine).containers.list(all=True, filters=filters)
    mine = [c for c in here if paths(c.labels.get(label, "")) == paths(files)]
    return [c for c in mine if c.labels.get(f"{LABEL}.oneoff") != "True"]


def _has_ended_well(one: Container) -> bool:
    ended = one.attrs["State"]["Status"] == "exited" and one.attrs["State"]["ExitCode"] == 0
    return bool(ended and one.attrs["HostConfig"]["RestartPolicy"]["Name"] in ("", "no"))


def wanted(machine: Machine, now: State) -> State:
    """All services that the files name and that no profile holds back, as Compose reads them.

    Raises:
        EngineError: a file is not there, or Compose refuses it.
    """
    listed = run(machine, [*typed(now.files, now.project), "config", "--services"]).out.split()
    return State(now.files, tuple(sorted({*now.running, *listed})), now.project)


def command(before: State, after: State) -> list[str]:
    """Start what stands still, or stop what was started; nothing is made anew."""
    starts = [s for s in after.running if s not in before.running]
    stops = [s for s in before.running if s not in after.running]
    compose = typed(after.files, after.project or before.project)
    lines = []
    if starts:
        lines.append(shlex.join([*compose, "up", "-d", "--no-recreate", *starts]))
    if stops:
        lines.append(shlex.join([*compose, "stop", *stops]))
    return ["sh", "-c", "\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        EngineError: Compose does not do it.
        WaitTimeout: it did not end in time.
    """
    run(machine, ["sh", "-ec", command(before, after)[2]], timeout=PATIENCE)


def difference(before: State, after: State) -> str:
    """What starts and what stops; the files stay as they are."""

    def only(mine: Sequence[str], others: Sequence[str]) -> str:
        return ", ".join(s for s in mine if s not in others)

    starts, stops = only(after.running, before.running), only(before.running, after.running)
    said = [f"starts {starts}"] * bool(starts) + [f"stops {stops}"] * bool(stops)
    return f"{'; '.join(said) or 'nothing'}; {', '.join(paths(after.files))}: as it is"
