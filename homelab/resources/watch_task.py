"""A scheduled task of Windows that wakes WSL at a time of day, and runs a command in it without a window.

Of a day that was slept through it is run as soon as the machine is awake and its user logged on (StartWhenAvailable).
The time in it has no offset: it is local time, summer and winter. For what conhost is there see `logon_task`.

Sources: https://learn.microsoft.com/windows/win32/taskschd/daily-trigger-example--xml-,
https://learn.microsoft.com/windows/wsl/basic-commands (``wsl -d NAME -u USER --cd FOLDER -e PROGRAM``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources.logon_task import COMMAND
from homelab.resources.startup_script import NAME as DISTRIBUTION
from homelab.watch.when import When
from homelab.wsl import registered, taskxml
from homelab.wsl.interop import call

ABOUT = "Wakes WSL and watches the home. Made by Homelab Runbook."
PLAIN = re.compile(r"[\w./+@=:,-]+")  # words that come through Windows' and WSL's command lines as they are
BOUNDARY = re.compile(r"<StartBoundary>\d{4}-\d\d-\d\dT(\d\d):(\d\d):\d\d</StartBoundary>")
SCHEDULES = {
    "day": "<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>",
    "week": "<ScheduleByWeek><WeeksInterval>1</WeeksInterval><DaysOfWeek><Monday /></DaysOfWeek></ScheduleByWeek>",
}
HOURLY = "<Repetition><Interval>PT1H</Interval><Duration>P1D</Duration></Repetition>"
TRIGGER = """\
<CalendarTrigger>
      {repetition}<StartBoundary>2026-01-01T{hour:02}:{minute:02}:00</StartBoundary>
      <Enabled>true</Enabled>
      {schedule}
    </CalendarTrigger>"""


@dataclass(frozen=True)
class State:
    """What the task called `name` runs, and when, such as ``every day at 03:30`` (an empty `command`: there is none).

    `folder`, `user` and `xml` are as in `logon_task.State`.
    """

    name: str = field(metadata={"show": False})
    command: str = ""
    arguments: str = ""
    when: str = ""
    enabled: bool = True
    user: str = field(default="", compare=False, metadata={"show": False})
    folder: str = field(default="", compare=False, metadata={"show": False})
    xml: str = field(default="", compare=False, metadata={"show": False})


def arguments(distribution: str, user: str, folder: str, command: Sequence[str]) -> str:
    """What conhost is given, so that `user` of `distribution` runs `command` in `folder`.

    Raises:
        HomelabError: a word would not come through two command lines as it is, or no distribution is called that.
    """
    if not DISTRIBUTION.match(distribution):
        raise HomelabError(f"{distribution!r} is no name of a distribution", "wsl", "wsl --list --verbose")
    for word in (user, folder, *command):
        if not PLAIN.fullmatch(word):
            raise HomelabError(
                f"{word!r} does not reach WSL whole through Windows' command line", "schtasks.exe",
                "use a path of letters, digits, dots and dashes: a symbolic link will do",
            )  # fmt: skip
    wsl = rf"%SystemRoot%\System32\wsl.exe -d {distribution} -u {user} --cd {folder} -e"
    return f"--headless {wsl} {' '.join(command)}"


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
        name, found.command, found.arguments, _when(said.out), found.enabled, xml=said.out.strip() + "\n"
    )


def _when(xml: str) -> str:
    at = BOUNDARY.search(xml)
    if "CalendarTrigger" not in xml or not at:
        return "at another time"
    every = "hour" if "<Interval>PT1H" in xml else "week" if "ScheduleByWeek" in xml else "day"
    return str(When(every, int(at[1]), int(at[2])))


def xml(state: State) -> str:
    """The task for Windows to read: as it was found, or in our form; empty where there is none."""
    if not state.command or state.xml:
        return state.xml if state.command else ""
    when = _parsed(state.when)
    trigger = TRIGGER.format(
        hour=when.hour,
        minute=when.minute,
        repetition=HOURLY if when.every == "hour" else "",
        schedule=SCHEDULES["week" if when.every == "week" else "day"],
    )
    return taskxml.form(ABOUT, trigger, state.user, state.command, state.arguments, limit="PT2H")


def _parsed(text: str) -> When:
    """The inverse of ``str(When)``."""
    for every in SCHEDULES:
        if found := re.fullmatch(rf"every {'Monday' if every == 'week' else every} at (\d\d):(\d\d)", text):
            return When(every, int(found[1]), int(found[2]))
    if found := re.fullmatch(r"every hour at minute (\d\d)", text):
        return When("hour", 0, int(found[1]))
    raise HomelabError(f"{text!r} is no time of ours", "schtasks.exe")


def wanted(name: str, arguments: str, when: When, user: str, folder: str) -> State:
    """The task that runs WSL with `arguments`; `user` is named as ``DOMAIN\\name``."""
    return State(name, COMMAND, arguments, str(when), user=user, folder=folder)


def command(before: State, after: State) -> list[str]:
    """``schtasks``: with the XML from a file, which goes again; or the task's removal."""
    return registered.command(after.name, after.folder, xml(after))


def do(machine: Machine, before: State, after: State) -> None:
    """The same, each Windows program with its own time.

    Raises:
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `homelab.wsl.registered.do`.
    """
    registered.do(machine, after.name, after.folder, xml(after))
