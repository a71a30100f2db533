"""The host's programs that the lab's first process runs, or the unpacked ones where the host has none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .children import PATH
from .wire import Refused


class Tools:
    """Runs programs outside of any machine's root, in the namespaces of the caller."""

    def __init__(self, packages: Path) -> None:
        self._packages = packages

    def run(self, program: str, *arguments: str, text: str = "") -> str:
        """What `program` prints when it is given `text`.

        Raises:
            Refused: it is nowhere, or it failed.
        """
        path, env = self.find(program)
        done = subprocess.run(
            [path, *arguments], input=text, capture_output=True, text=True, env=env, cwd="/"
        )
        if done.returncode:
            raise Refused(f"`{program} {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    def find(self, program: str) -> tuple[str, dict[str, str]]:
        """Where `program` is, and the environment that it needs.

        Raises:
            Refused: it is nowhere.
        """
        if path := shutil.which(program, path=PATH):
            return path, {"PATH": PATH, "LC_ALL": "C.UTF-8"}
        usr = self._packages / "usr"
        places = ":".join(f"{usr}/{folder}" for folder in ("sbin", "bin"))
        if path := shutil.which(program, path=places):
            libraries = [
                str(usr / "lib"),
                *(str(p) for p in (usr / "lib").glob("*-linux-gnu*") if p.is_dir()),
            ]
            return path, {
                "PATH": places + ":" + PATH,
                "LD_LIBRARY_PATH": ":".join(libraries),
                "LC_ALL": "C.UTF-8",
            }
        raise Refused(f"there is no program {program!r}", hint="`./runbook lab build` fetches it")


def await_up(run: Callable[..., str], interface: str) -> None:
    """Wait until the kernel has noticed, a moment late, that `interface` is up and its bridge passes it on.

    `run` runs `ip` where the interface is.

    Raises:
        Refused: it does not come up.
    """
    for _ in range(200):
        link = json.loads(run("ip", "-details", "-json", "link", "show", "dev", interface))[0]
        port = link.get("linkinfo", {}).get("info_slave_data", {}).get("state", "forwarding")
        if (link["operstate"], port) == ("UP", "forwarding"):
            return
        time.sleep(0.01)
    raise Refused(f"waited 2 s for {interface} to come up", hint="is the other side of it down?")


def file_of(program: str, packages: Path) -> Path | None:
    """A program's file in the unpacked packages or on the host."""
    for folder in (packages / "usr" / "bin", Path("/usr/bin"), Path("/bin")):
        if os.access(folder / program, os.X_OK):
            return folder / program
    return None
