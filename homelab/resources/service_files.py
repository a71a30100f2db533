"""The files of a service, put into its folder: its Compose file and what that mounts, an application of ours.

What is there already is left to the resource `project`, which knows what a change of it means; but for the
application, which is ours. First configuration, which lies in a folder that is backed up, is put there once;
from then on it is the service's own, and its reader's.
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, field

from homelab import services
from homelab.machine import Machine
from homelab.resources import file

HERE = "# in the folder of this runbook"
APP = "app"


@dataclass(frozen=True)
class State:
    """Whether the files of the service `service` are in `folder`, and which edition of our application is (`app`).

    `files` are those that are there, pairs of a path below the folder and a text. They are only carried along:
    the Compose file, which is put there last, stands for all of them.
    """

    service: str = field(metadata={"show": False})
    folder: str = field(metadata={"show": False})
    there: bool = False
    app: str = ""
    files: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def wanted(service: services.Service, now: State) -> State:
    """All files of `service`: those that are missing, and the application as it is in this checkout."""
    files = service.files() | service.own() | dict(now.files) | service.app()
    return _state(service.name, now.folder, files)


def _state(service: str, folder: str, files: dict[str, str]) -> State:
    app = sorted((path, text) for path, text in files.items() if path.startswith(f"{APP}/"))
    edition = hashlib.sha256(repr(app).encode()).hexdigest()[:12] if app else ""
    return State(service, folder, services.COMPOSE in files, edition, tuple(sorted(files.items())))


def read(machine: Machine, name: str) -> State:
    """Those that are there; `name` is the service and the folder, with a space between.

    Raises:
        ParamsError: there is no such service, or its files here are wrong.
    """
    service, _, folder = name.partition(" ")
    known = services.load(service)
    own, found = known.own(), dict[str, str]()
    for path in sorted(known.files() | known.app() | own):
        text = machine.read_text(f"{folder}/{path}")
        if text is not None:
            found[path] = own.get(path, text)
    return _state(service, folder, found)


def _changed(before: State, after: State) -> tuple[dict[str, str], list[str]]:
    """What to write, by path, and what to remove: the service's own stays."""
    old, new = dict(before.files), dict(after.files)
    own = services.load(after.service).own()
    last = sorted(new, key=lambda path: (path == services.COMPOSE, path))
    write = {path: new[path] for path in last if old.get(path) != new[path]}
    return write, [path for path in old if path not in new and path not in own]


def command(before: State, after: State) -> list[str]:
    """Copy from this checkout; older texts as here-documents; a running application starts anew."""
    write, remove = _changed(before, after)
    service, folder = services.load(after.service), shlex.quote(after.folder)
    app, own = service.app(), service.own()
    ours = app | own | service.files()
    lines = [f"mkdir -p {folder}"] if write else []
    tops = list(
        dict.fromkeys(path.partition("/")[0] for path, text in write.items() if ours.get(path) == text)
    )
    if tops:
        lines.append(HERE)
    at = f"params/services/{service.name}"
    once = {path.partition("/")[0] for path in own}
    if plain := [f"{at}/{top}" for top in tops if top != APP and top not in once]:
        lines.append(f"cp -r {' '.join(plain)} {folder}/")
    lines += [f"cp -rn {at}/{top} {folder}/" for top in tops if top in once]
    lines += [f"cp -rT {service.facts.app} {folder}/{APP}"] * (APP in tops)
    for path, text in write.items():
        if ours.get(path) != text:
            new = file.State(f"{after.folder}/{path}", text)
            lines.append(file.command(file.State(new.path, None), new)[2])
    if remove:
        lines.append(f"cd {folder} && rm -f {shlex.join(remove)}")
    elif _restarts(before, write):
        lines.append(_restart(after))
    return ["sh", "-c", "\n".join(lines)]


def _restarts(before: State, write: dict[str, str]) -> bool:
    """Whether what changes is an application that was there before."""
    return any(path.startswith(f"{APP}/") for path in dict(before.files)) and any(
        path.startswith(f"{APP}/") for path in write
    )


def _restart(state: State) -> str:
    """Python has read the old files: whoever runs them starts anew."""
    parts = sorted(services.load(state.service).shares())
    return f"cd {shlex.quote(state.folder)} && docker compose restart {shlex.join(parts)}"


def do(machine: Machine, before: State, after: State) -> None:
    """Write each file at once, remove what is to go, start a running application anew.

    Raises:
        CommandFailed: this user may not write there, or Docker does not restart it.
    """
    write, remove = _changed(before, after)
    for path, text in write.items():
        put = ["install", "-D", "-m", "644", "/dev/stdin", f"{after.folder}/{path}"]
        machine.run(put, stdin=text).ok()
    if remove:
        machine.run(["rm", "-f", *(f"{after.folder}/{path}" for path in remove)]).ok()
    elif _restarts(before, write):
        machine.run(["sh", "-ec", _restart(after)]).ok()


def difference(before: State, after: State) -> str:
    """The names of what comes and goes; of what changes, the difference."""
    old = dict(before.files)
    write, remove = _changed(before, after)
    said = []
    if fresh := [path for path in write if path not in old]:
        said.append(f"new in {after.folder}: {', '.join(fresh)}")
    if remove:
        said.append(f"removed from {after.folder}: {', '.join(remove)}")
    for path, text in write.items():
        if path in old:
            at = f"{after.folder}/{path}"
            said.append(f"{at}:\n{file.difference(file.State(at, old[path]), file.State(at, text))}")
    return "\n".join(said) or "nothing that is not the service's own"
