"""A scheduled task of Windows which starts WSL at the user's logon, without a window, and keeps it alive.

``wsl.exe`` is a console program, so a task that runs it opens a window for as long as it runs, and closing that ends WSL.
``conhost.exe --headless`` is a console without one. Hidden PowerShell would flash, or stay where Windows Terminal
is the default; wscript.exe is VBScript, which is going away. ``sleep infinity`` waits for no input, so that
the client never ends; and WSL runs as long as a client of it does.

A user may make a task for his own logon; no administrator is needed.

Sources: https://github.com/pendle-finance/arbitrage-with-crossex/pull/3 (who draws the window, and --headless),
https://learn.microsoft.com/openspecs/windows_protocols/ms-tsch/d90eccec-83e9-450c-b144-17633c47be9a (who may),
https://github.com/microsoft/WSL/issues/9667 (a service in WSL does not keep it alive).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources.startup_script import NAME as DISTRIBUTION
from homelab.wsl import registered, taskxml
from homelab.wsl.interop import call

TASK = "Homelab-WSL"
COMMAND = r"%SystemRoot%\System32\conhost.exe"
ARGUMENTS = r"--headless %SystemRoot%\System32\wsl.exe -d {0} -e sleep infinity"
ABOUT = "Starts WSL at logon without a window and keeps it running. Made by Homelab Runbook."


@dataclass(frozen=True)
class State:
    """What the task called `name` runs at the logon of `user` (an empty `command`: there is none).

    `folder` is where its XML lies while Windows reads it, as WSL sees it (empty: the user's own, or where one is);
    `xml` is the task as it was found.
    """

    name: str = field(metadata={"show": False})
    command: str = ""
    arguments: str = ""
    user: str = ""
    enabled: bool = True
    on_battery: bool = True
    limit: str = taskxml.FOREVER
    folder: str = field(default="", compare=False, metadata={"show": False})
    xml: str = field(default="", compare=False, metadata={"show": False})

    @property
    def ours(self) -> bool:
        """Whether it is such a task as we make."""
        return self.command == COMMAND and self.arguments.startswith(ARGUMENTS.partition("{")[0])


def wanted(distribution: str, user: str, folder: str, name: str = TASK) -> State:
    """The task that starts `distribution` at the logon of `user`, who is named as ``DOMAIN\\name``.

    Raises:
        HomelabError: no distribution can be called that.
    """
    if not DISTRIBUTION.match(distribution):
        raise HomelabError(f"{distribution!r} is no name of a distribution", "wsl", "wsl --list --verbose")
    return State(name, COMMAND, ARGUMENTS.format(distribution), user, folder=folder)


def read(machine: Machine, name: str) -> State:
    """The task called `name`, from its XML. That there is none, and that we may not see it, look the same.

    Raises:
        PrerequisiteMissing, WaitTimeout: interop is off, or schtasks.exe is missing or never ends.
        HomelabError: it printed no task.
    """
    said = call(machine, "schtasks.exe", "/Query", "/TN", name, "/XML").ran()
    if not said:
        return State(name)
    found = taskxml.read(said.out)
    return State(
        name, found.command, found.arguments, found.user, found.enabled, found.on_battery, found.limit,
        xml=said.out.strip() + "\n",
    )  # fmt: skip


def xml(state: State) -> str:
    """The task for Windows to read: as it was found, or in our form."""
    if state.xml:
        return state.xml
    return taskxml.write(taskxml.Task(state.command, state.arguments, state.user), ABOUT)


def command(before: State, after: State) -> list[str]:
    """``schtasks``: with the XML from a file, which goes again; or the task's removal."""
    return registered.command(after.name, after.folder, xml(after) if after.command else "")


def do(machine: Machine, before: State, after: State) -> None:
    """The same, each Windows program with its own time.

    Raises:
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `homelab.wsl.registered.do`.
    """
    registered.do(machine, after.name, after.folder, xml(after) if after.command else "")


def start(machine: Machine, name: str = TASK) -> None:
    """Run the task now, as the next logon will.

    Raises:
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `homelab.wsl.interop.Said.ok`.
    """
    call(machine, "schtasks.exe", "/Run", "/TN", name).ok()
