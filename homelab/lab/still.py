"""A machine for a saved lab: standing still while it is copied, and what ran in its background, to be started again."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from .children import Children

# Docker starts its own again, and no manager of WSL's or of containers lives on by its command line.
NOT_OURS = (
    "dockerd",
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "docker-proxy",
    "tailscaled",
)


def stop_all() -> None:
    """Every process of this machine stands still, containers included; but for the first one, which we are."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGSTOP)


def go_on() -> None:
    """Every process goes on."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGCONT)


def background(known: Collection[int]) -> list[dict[str, Any]]:
    """Programs that run by themselves, such as ``setsid -f`` leaves them, as what would start them again.

    `known` are the PIDs of those that somebody answers for: the lab's daemons and commands that are waited for.
    """
    found, own = [], Path("/proc/1/ns/pid").readlink()
    for entry in sorted((p for p in Path("/proc").iterdir() if p.name.isdigit()), key=lambda p: int(p.name)):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            ours = (entry / "ns" / "pid").readlink() == own and fields[1] == "1" and fields[0] != "Z"
            if ours and int(entry.name) not in {1, *known}:
                found.append(_program(entry))
    return [one for one in found if one["name"] not in NOT_OURS and one["argv"]]


def _program(entry: Path) -> dict[str, Any]:
    status = dict(
        line.split(":\t", 1) for line in (entry / "status").read_text().splitlines() if ":\t" in line
    )
    cwd, said = str((entry / "cwd").readlink()), str((entry / "fd" / "1").readlink())
    environ = [pair.partition("=") for pair in (entry / "environ").read_text(errors="replace").split("\0")]
    return {
        "name": (entry / "exe").readlink().name,
        "argv": (entry / "cmdline").read_text(errors="replace").split("\0")[:-1],
        "env": {name: value for name, found, value in environ if found},
        "cwd": cwd,
        "uid": int(status["Uid"].split()[0]),
        "out": said if said.startswith("/") else "/dev/null",
        "pid_files": _pid_files(Path(cwd), entry.name),
    }


def _pid_files(folder: Path, pid: str) -> list[str]:
    """Files in a program's own folder that name its PID, which will be another one."""
    found = []
    for path in [folder / "pid", *folder.glob("*.pid")]:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if path.read_text().strip() == pid:
                found.append(str(path))
    return found


def start(program: dict[str, Any], children: Children) -> int:
    """Start one of `background` again; its PID.

    Raises:
        OSError: its program is not there any more.
        KeyError: nor is its user.
    """
    with open("/dev/null", "rb") as nothing, open(program["out"], "ab") as out:  # noqa: PTH123
        pid = children.start(
            program["argv"],
            (nothing.fileno(), out.fileno(), out.fileno()),
            _nobody_waits,
            env=program["env"],
            cwd=program["cwd"],
            user=_user(program["uid"]),
        )
    for path in program["pid_files"]:
        Path(path).write_text(f"{pid}\n")
    return pid


_nobody_waits: Callable[[int], None] = lambda status: None  # noqa: E731


def _user(uid: int) -> str:
    lines = (line.split(":") for line in Path("/etc/passwd").read_text().splitlines())
    return next((f[0] for f in lines if len(f) == 7 and int(f[2]) == uid), "root")
