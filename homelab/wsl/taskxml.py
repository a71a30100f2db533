"""A scheduled task of Windows as XML: the one form that we write, and what we understand of any.

XML is not localised, unlike what schtasks prints otherwise. What a task made by hand or by ``/SC ONLOGON`` has,
and ours has not: it waits for mains power, ends on battery, and is ended after three days.

Sources: https://learn.microsoft.com/windows/win32/taskschd/logon-trigger-example--xml-,
https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from homelab.errors import HomelabError

SPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>\s*")
FOREVER = "PT0S"
THREE_DAYS = "PT72H"  # the default

FORM = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="{space}">
  <RegistrationInfo>
    <Description>{about}</Description>
  </RegistrationInfo>
  <Triggers>
    {trigger}
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
{again}    <Enabled>true</Enabled>
    <ExecutionTimeLimit>{limit}</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
AT_LOGON = """\
<LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
    </LogonTrigger>"""
AGAIN = """\
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>3</Count>
    </RestartOnFailure>
"""


@dataclass(frozen=True)
class Task:
    """What a task does and when: `user` at whose logon (``*``: anybody's, empty: not at a logon)."""

    command: str
    arguments: str = ""
    user: str = ""
    enabled: bool = True
    on_battery: bool = True
    limit: str = FOREVER


def write(task: Task, about: str) -> str:
    """The XML of a task of our form that starts at a logon, in ASCII, with LF; it is begun again if it fails."""
    trigger = AT_LOGON.format(user=_ascii(task.user))
    return form(about, trigger, task.user, task.command, task.arguments, again=AGAIN)


def form(
    about: str,
    trigger: str,
    user: str,
    command: str,
    arguments: str,
    *,
    limit: str = FOREVER,
    again: str = "",
) -> str:
    """Our form of a task, in ASCII, with LF: `trigger` and `again` are XML, the rest is text; `limit` as in `Task`."""
    words = {"about": about, "user": user, "command": command, "arguments": arguments}
    plain = {name: _ascii(text) for name, text in words.items()}
    return FORM.format(space=SPACE, trigger=trigger, limit=limit, again=again, **plain)


def _ascii(text: str) -> str:
    return escape(text).encode("ascii", "xmlcharrefreplace").decode()


def read(text: str) -> Task:
    """What a task's XML says, in whichever form.

    Raises:
        HomelabError: it is no XML, or no task.
    """
    try:
        root = ElementTree.fromstring(DECLARATION.sub("", text.strip().lstrip("\ufeff")))
    except ElementTree.ParseError as error:
        raise HomelabError(f"schtasks printed no XML: {error}", "schtasks.exe") from None
    if root.tag != f"{{{SPACE}}}Task":
        raise HomelabError(f"schtasks printed no task: {root.tag}", "schtasks.exe")

    def say(path: str, otherwise: str) -> str:
        found = root.find("/".join(f"{{{SPACE}}}{part}" for part in path.split("/")))
        return (found.text or "").strip() if found is not None else otherwise

    at_logon = root.find(f"{{{SPACE}}}Triggers/{{{SPACE}}}LogonTrigger") is not None
    alive = say("Triggers/LogonTrigger/Enabled", "true") == "true"
    waits = say("Settings/DisallowStartIfOnBatteries", "true") == "true"
    ends = say("Settings/StopIfGoingOnBatteries", "true") == "true"
    return Task(
        say("Actions/Exec/Command", ""),
        say("Actions/Exec/Arguments", ""),
        say("Triggers/LogonTrigger/UserId", "*") if at_logon else "",
        say("Settings/Enabled", "true") == "true" and alive,
        not waits and not ends,
        say("Settings/ExecutionTimeLimit", THREE_DAYS),
    )
