"""Scheduled tasks, as their XML describes them; of all that it may say, a program at logon and on demand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
SID = "S-1-5-21-1000000000-2000000000-3000000000-1001"
MOST = 64 * 1024  # bytes
_TRIGGERS = ("LogonTrigger", "CalendarTrigger")  # of the second: that it is there; its hour never comes
_NAME = re.compile(r"\\?[^\\/:*?\"<>|]+(\\[^\\/:*?\"<>|]+)*")


class Malformed(ValueError):
    """XML that Windows takes for no task: what it says of it."""


@dataclass(frozen=True)
class Task:
    """What of a task the stand-in goes by; `xml` is all of it. `anybody`: at whosever logon."""

    name: str
    xml: str
    command: str
    at_logon: bool
    anybody: bool
    enabled: bool
    highest: bool


def named(name: str) -> str:
    r"""A task's whole name, with the folder that it is in: ``\Homelab\WSL``.

    Raises:
        Malformed: Windows has no such names.
    """
    if not _NAME.fullmatch(name):
        raise Malformed(f"(1,1):TaskName: {name}")
    return name if name.startswith("\\") else f"\\{name}"


def parse(name: str, raw: bytes) -> Task:
    """The task in the file that schtasks was given.

    Raises:
        Malformed: it is none.
    """
    text = _decoded(raw)
    ET.register_namespace("", NAMESPACE)
    if len(raw) > MOST or "<!" in text.partition("<Task")[0].replace("<!--", ""):
        raise Malformed("(1,1)::stand-in: no task that the runbook writes")
    try:
        top = ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except ET.ParseError as error:
        raise Malformed("({},{})::{}".format(*error.position, error)) from None
    if top.tag != _tag("Task"):
        raise Malformed("(1,2):Task:")
    for trigger in top.iterfind(f"{_tag('Triggers')}/*"):
        if trigger.tag.rpartition("}")[2] not in _TRIGGERS:
            raise Malformed(f"(1,1)::stand-in: only {', '.join(_TRIGGERS)} is played")
    program = top.findtext(f"{_tag('Actions')}/{_tag('Exec')}/{_tag('Command')}")
    if not program:
        raise Malformed("(1,1):Actions:")
    arguments = top.findtext(f"{_tag('Actions')}/{_tag('Exec')}/{_tag('Arguments')}") or ""
    triggers = list(top.iterfind(f"{_tag('Triggers')}/{_tag('LogonTrigger')}"))
    live = [t for t in triggers if (t.findtext(_tag("Enabled")) or "true").strip() == "true"]
    principal = f"{_tag('Principals')}/{_tag('Principal')}"
    return Task(
        named(name),
        _as_stored(named(name), top),
        f"{program.strip()} {arguments.strip()}".strip(),
        bool(live),
        any(not t.findtext(_tag("UserId")) for t in triggers),
        (top.findtext(f"{_tag('Settings')}/{_tag('Enabled')}") or "true").strip() == "true",
        top.findtext(f"{principal}/{_tag('RunLevel')}") == "HighestAvailable",
    )


def _decoded(raw: bytes) -> str:
    """As XML says; Windows does not take a file that says UTF-16 and is none, nor the other way round."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    text = raw.decode("utf-8-sig", errors="replace")
    if re.match(r'\s*<\?xml[^>]*encoding="UTF-16"', text, re.IGNORECASE):
        raise Malformed("(1,40)::ERROR: unable to switch the encoding")
    return text


def _as_stored(name: str, top: ET.Element) -> str:
    """As Windows shows it afterwards: its name in it, and whom it runs as by number."""
    information = top.find(_tag("RegistrationInfo"))
    if information is None:
        information = ET.Element(_tag("RegistrationInfo"))
        top.insert(0, information)
    uri = information.find(_tag("URI"))
    if uri is None:
        uri = ET.SubElement(information, _tag("URI"))
    uri.text = name
    for who in top.iterfind(f"{_tag('Principals')}/{_tag('Principal')}/{_tag('UserId')}"):
        who.text = SID
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-16"?>\n' + ET.tostring(top, encoding="unicode")


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
