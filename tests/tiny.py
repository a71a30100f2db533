"""Tiny notebooks and stages of a test's own, and the command line run on them in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DRIVER = """
import sys
from pathlib import Path
from homelab import stages
from homelab.runner import folder

here = Path(__file__).parent
folder.RUNS = here / "runs"
stages.NOTEBOOKS = here / "notebooks"
stages.__path__.insert(0, str(here / "stages"))
if __name__ == "__main__":
    from homelab.runner.cli import main
    sys.exit(main(sys.argv[1:]))
"""
SHOW = """
from IPython.display import display
def record(kind, **fields):
    display({"application/vnd.homelab+json": {"v": 1, "kind": kind, **fields}, "text/plain": kind}, raw=True)
def check(name, status="ok", vantage="phone", evidence="seen", hint=None):
    record("check", name=name, status=status, vantage=vantage, evidence=evidence, hint=hint)
def outcome(why, outcome="applied", command="true", error=None):
    record("outcome", machine="tequila", resource="x", why=why, command=command, outcome=outcome, seconds=0.1, error=error, loses=None)
"""


def cell(kind: str, source: str, **metadata: Any) -> dict[str, Any]:
    """A notebook's cell."""
    made: dict[str, Any] = {"cell_type": kind, "metadata": metadata, "source": textwrap.dedent(source)}
    if kind == "code":
        made |= {"outputs": [], "execution_count": None}
    return made


class Tiny:
    """A folder with stages of one's own; ``book("00_one", "print(1)")`` makes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "notebooks").mkdir()
        (folder / "stages").mkdir()
        (folder / "drive.py").write_text(DRIVER)
        self.home = folder / "home.yaml"
        self.home.write_text("world: testhome\nabout: A flat.\n")

    def book(
        self,
        name: str,
        *cells: str,
        fields: str = 'word: str = "x"',
        parameters: str = 'word = "x"',
        title: str = "Do a thing",
        metadata: dict[str, Any] | None = None,
    ) -> Path:
        """A stage whose code cells are `cells`; `fields` are its model's, `parameters` its notebook's."""
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 4,
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                **(metadata or {}),
            },
            "cells": [
                cell("markdown", f"# {title}\n\nWhat you'll do: a *thing*."),
                cell("code", f'params = "lab"\napply = None\n{parameters}', tags=["parameters"]),
                *(cell("code", source) for source in cells),
            ],
        }
        path = self.folder / "notebooks" / f"{name}.ipynb"
        path.write_text(json.dumps(notebook))
        (self.folder / "stages" / f"{name[3:]}.py").write_text(
            "from pydantic import Field\nfrom homelab.params import Strict\nfrom homelab.secret import Secret\n"
            f"class Params(Strict):\n    {fields}\n"
        )
        return path

    def command(self, *words: str) -> list[str]:
        """The command line, on these stages."""
        return [sys.executable, str(self.folder / "drive.py"), *words]

    def run(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """``run`` in this home, to the folder ``out``."""
        words = ("run", "--params", str(self.home), "--out", str(self.folder / "out"), *words)
        return self.call(*words, env=env)

    def call(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Any command."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment() | (env or {}),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """``run``, left running."""
        words = ("run", "--params", str(self.home), "--out", str(self.folder / "out"), *words)
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, env=self.environment(), stdout=pipe, stderr=pipe, text=True
        )

    def environment(self) -> dict[str, str]:
        """A home's state is kept here, and not in the reader's own; labs stay where they are."""
        home = "world: lab" not in self.home.read_text()
        return {**os.environ, **({"XDG_STATE_HOME": str(self.folder / "state")} if home else {})}

    def results(self) -> dict[str, Any]:
        """What ``results.json`` says now."""
        data: dict[str, Any] = json.loads((self.folder / "out" / "results.json").read_text())
        return data

    def stage(self, number: int = 0) -> dict[str, Any]:
        """One stage of the results."""
        stage: dict[str, Any] = self.results()["stages"][number]
        return stage

    def proved(self, check: str) -> bool:
        """Whether the results have an answer of `check` by now."""
        path = self.folder / "out" / "results.json"
        stages = json.loads(path.read_text()).get("stages", ()) if path.exists() else ()
        return any(c["name"] == check for stage in stages for c in stage["checks"])

    def written(self) -> str:
        """All that the run has left behind, as one text."""
        return "\n".join(p.read_text() for p in sorted((self.folder / "out").rglob("*")) if p.is_file())


def until(holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def kernels(of: int | None = None) -> list[int]:
    """The processes that are kernels of a run, and the one that they are copied from; or those of a given runner."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"homelab.runner.warm" in words and (
            of is None or f"HOMELAB_TIED_TO={of}".encode() in environment
        ):
            found.append(int(process.name))
    return found
