"""schtasks.exe: tasks from XML files, shown as XML, run and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .call import Call, Unplayed
from .logon import launch
from .tasks import Malformed, Task, named, parse
from .words import CODE_PAGES, SCHTASKS

if TYPE_CHECKING:
    from .system import System

KNOWN = (
    "schtasks.exe /Create /TN NAME /XML FILE /F | /Query /TN NAME /XML | /Delete /TN NAME /F | /Run /TN NAME"
)


def main(system: System, call: Call) -> int:
    """Run it; its exit status.

    Raises:
        Unplayed: any other command line.
    """
    words = SCHTASKS[system.settings.locale]
    options = [word.upper() if word.startswith("/") else word for word in call.argv]
    match options:
        case ["/CREATE", "/TN", name, "/XML", file, "/F"]:
            return _create(system, call, name, file)
        case ["/QUERY", "/TN", name, "/XML"]:
            if task := _find(system, name):
                return _say(system, call, f"{task.xml}\n\n")
        case ["/DELETE", "/TN", name, "/F"]:
            if task := _find(system, name):
                del system.tasks[task.name.lower()]
                return _say(system, call, words["deleted"].format(name))
        case ["/RUN", "/TN", name]:
            if task := _find(system, name):
                launch(system, task.name, task.command, elevated=task.highest)
                return _say(system, call, words["running"].format(name))
        case _:
            raise Unplayed(KNOWN)
    return _fail(system, call, words["missing"])


def _create(system: System, call: Call, name: str, file: str) -> int:
    """A task at anybody's logon takes an administrator, one at one's own does not.

    Seen: github.com/hanamorix/companion-emergence/issues/260.
    """
    words, raw = SCHTASKS[system.settings.locale], system.read(file, call)
    if raw is None:
        return _fail(system, call, words["missing"])
    try:
        task = parse(name, raw)
    except Malformed as error:
        return _fail(system, call, f"{words['malformed']}\n{error}")
    if (task.highest or (task.at_logon and task.anybody)) and not system.is_elevated(call):
        return _fail(system, call, words["denied"])
    system.tasks[task.name.lower()] = task
    return _say(system, call, words["created"].format(name))


def _find(system: System, name: str) -> Task | None:
    try:
        return system.tasks.get(named(name).lower())
    except Malformed:
        return None


def _say(system: System, call: Call, text: str) -> int:
    call.out(text, CODE_PAGES[system.settings.locale])
    return 0


def _fail(system: System, call: Call, text: str) -> int:
    call.err(text, CODE_PAGES[system.settings.locale])
    return 1
