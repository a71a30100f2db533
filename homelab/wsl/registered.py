"""A scheduled task of Windows handed over by its XML: from a file that Windows can read, in UTF-16, which goes again."""

from __future__ import annotations

import shlex

from homelab.machine import Machine
from homelab.wsl import powershell
from homelab.wsl.interop import ask, call, unix_path, windows_path

MARK = "EOF"


def file(name: str, folder: str) -> str:
    """Where the XML of the task `name` lies meanwhile, as WSL sees it; an empty `folder` is where one is."""
    return f"{folder.rstrip('/') or '.'}/{name}.xml"


def write(name: str, folder: str, xml: str) -> list[str]:
    """The command that puts the XML where Windows can read it, in UTF-16, as its own tools write it."""
    path, made = shlex.quote(file(name, folder)), shlex.quote(folder or ".")
    put = f"mkdir -p {made} && iconv -f UTF-8 -t UTF-16 > {path} <<'{MARK}'\n{xml.strip()}\n{MARK}"
    return ["sh", "-c", put]


def command(name: str, folder: str, xml: str) -> list[str]:
    """``schtasks`` with the XML from a file; without any XML: the task's removal."""
    task = shlex.quote(name)
    if not xml:
        return ["sh", "-c", f"schtasks.exe /Delete /TN {task} /F"]
    path = shlex.quote(file(name, folder))
    create = f'schtasks.exe /Create /TN {task} /XML "$(wslpath -w {path})" /F && rm {path}'
    return ["sh", "-c", f"{write(name, folder, xml)[2]}\n{create}"]


def do(machine: Machine, name: str, folder: str, xml: str) -> None:
    """The same, each Windows program with its own time.

    Raises:
        PrerequisiteMissing, WaitTimeout: interop is off, or schtasks.exe is missing or never ends.
        CommandFailed: Windows refuses it.
    """
    if not xml:
        call(machine, "schtasks.exe", "/Delete", "/TN", name, "/F").ok()
        return
    folder = folder or _folder(machine)
    machine.run(write(name, folder, xml)).ok()
    try:
        where = windows_path(machine, file(name, folder))
        call(machine, "schtasks.exe", "/Create", "/TN", name, "/XML", where, "/F").ok()
    finally:
        machine.run(["rm", "-f", file(name, folder)])


def _folder(machine: Machine) -> str:
    """The user's folder on Windows: a task that was found does not say where its XML lay."""
    answer = ask(machine, powershell.USER)
    return unix_path(machine, str(answer[0]["Profile"]) if answer else "")
