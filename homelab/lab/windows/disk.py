"""What the machines of a played Windows find in their file systems: C: with its programs, and WSL's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..children import PATH
from ..root import Place

_PROGRAMS = Path(__file__).parent / "programs"
SYSTEM = "Windows/System32"
STAND_INS = {
    "wsl.exe": SYSTEM,
    "netsh.exe": SYSTEM,
    "schtasks.exe": SYSTEM,
    "powershell.exe": f"{SYSTEM}/WindowsPowerShell/v1.0",
}
STARTUP = "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup"
C = "/mnt/c"
SOCKET = "1_interop"
SOCKETS = "/run/WSL"
_WINDOWS_PATH = ":".join(f"{C}/{folder}" for folder in (SYSTEM, "Windows", STAND_INS["powershell.exe"]))
ON_WINDOWS = f'PATH="{PATH}:{_WINDOWS_PATH}"\n'  # /etc/environment of the Windows machine


def in_wsl(distribution: str, *, interop: bool = True, windows_path: bool = True) -> str:
    """/etc/environment of a distribution; what `[interop]` of its wsl.conf may switch off."""
    lines = [f'WSL_DISTRO_NAME="{distribution}"\n']
    if interop:
        lines.append(f'WSL_INTEROP="{SOCKETS}/{SOCKET}"\n')
    if windows_path:
        lines.append(ON_WINDOWS)
    return "".join(lines)


def environment(name: str, machines: dict[str, Any]) -> str:
    """/etc/environment of machine `name`; nothing where no Windows is near."""
    for outer, machine in machines.items():
        if windows := machine["windows"]:
            if name == windows["wsl"]:
                return in_wsl(windows["distribution"])
            if name == outer:
                return ON_WINDOWS
    return ""


def home(folder: Path, windows: str) -> Path:
    """Where what the machines of a Windows share is kept, on the lab's own tmpfs `folder`."""
    return folder / f"{windows}-windows"


def places(name: str, machines: dict[str, Any], folder: Path) -> list[Place]:
    """What machine `name` sees of a Windows that it is, or is a distribution on; made in `folder` if missing."""
    for outer, machine in machines.items():
        windows = machine["windows"]
        if windows and name in (outer, windows["wsl"]):
            shared = home(folder, outer)
            if not (shared / "wsl").exists():
                _lay_out(shared, windows["user"])
            side = "wsl" if name == windows["wsl"] else "windows"
            found = [Place(str(shared / "c"), C, own=True), Place(str(shared / side), SOCKETS, own=True)]
            if side == "wsl":
                found += [Place(str(_PROGRAMS / p), f"/usr/bin/{p}") for p in ("wslinfo", "wslpath")]
            return found
    return []


def _lay_out(shared: Path, user: str) -> None:
    text = (_PROGRAMS / "interop.py").read_bytes()
    (shared / "c/Users" / user / STARTUP).mkdir(parents=True, exist_ok=True)  # a saved lab's may be there
    for program, folder in STAND_INS.items():
        (shared / "c" / folder).mkdir(parents=True, exist_ok=True)
        file = shared / "c" / folder / program
        file.write_bytes(text)
        file.chmod(0o755)
    drive = shared / "c"
    for path in (drive, *(p for p in drive.rglob("*") if p.is_dir())):
        path.chmod(0o777)  # as WSL mounts it: Windows itself says who may
    for side in ("windows", "wsl"):
        (shared / side).mkdir()
