"""Python for images: the distribution's interpreter and library, and packages from PyPI beside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from homelab.errors import LabError, PrerequisiteMissing

from .. import golang, packages, progress
from .definition import Made
from .sources import source_key

SYSTEM = Path("/usr/bin/python3")
LEFT_OUT = (
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data",
    "config-*", "sitecustomize.py", "EXTERNALLY-MANAGED", "dist-packages",
)  # fmt: skip
_HERE = source_key([Path(__file__)])  # what is done here is part of what is made


def version() -> str:
    """Of the distribution's Python, such as 3.11; what it will be where there is none is of no use."""
    return SYSTEM.resolve().name.removeprefix("python")


def library() -> Made:
    """Its standard library without tests and windows, compiled."""

    def make(folder: Path) -> None:
        _need_python()
        home = Path("/usr/lib") / f"python{version()}"
        with progress.step("compiling Python's library for images"):
            shutil.copytree(home, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
            compile_all(folder, home)

    return Made("python", lambda: f"{version()}-{packages.key(('python3',))}-{_HERE}", make)


def site(name: str, lock: Path) -> Made:
    """The packages that a lock file names, as a folder for the module search path."""

    def make(folder: Path) -> None:
        _need_python()
        installer, chosen = golang.installer(), ["--python", str(SYSTEM)]
        # uv takes the interpreter after the verb, pip before it.
        is_uv = installer[-1] == "pip"
        command = [*installer, "install", *chosen] if is_uv else [*installer, *chosen, "install"]
        command += ["--quiet", "--no-deps", "--target", str(folder), "--requirement", str(lock)]
        golang.run(command, f"fetching {name}'s Python packages from PyPI")
        shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts that begin with a path of this machine
        with progress.step(f"compiling {name}'s Python packages"):
            for left in folder.rglob("__pycache__"):
                shutil.rmtree(left)
            compile_all(folder, Path("/usr/local/lib") / f"python{version()}" / "dist-packages")

    return Made("site", lambda: f"{name}-{version()}-{source_key([lock])}", make)


def compile_all(folder: Path, seen_as: Path) -> None:
    """Compile what is in `folder`, for it to lie at `seen_as`; valid whatever the files' times are."""
    command = [
        str(SYSTEM),
        "-I",
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
    ]
    # Programs that no Python reads (templates, other versions' syntax) do not compile: not our concern.
    done = subprocess.run(
        [*command, "-s", str(folder), "-p", str(seen_as), str(folder)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
    )
    if not any(folder.rglob("*.pyc")):
        raise LabError(f"{SYSTEM} compiled nothing: {(done.stderr or done.stdout).strip()[-300:]}")


def _need_python() -> None:
    if not SYSTEM.exists():
        raise PrerequisiteMissing(
            f"this image is packed from the distribution's Python, and {SYSTEM} is missing",
            hint="sudo apt-get install python3",
        )
