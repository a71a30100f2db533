"""A timer of the user's own systemd: a service that runs a command, and when; made up for where the machine slept.

Sources: https://www.freedesktop.org/software/systemd/man/latest/systemd.timer.html (OnCalendar, Persistent),
systemd.service.html (SuccessExitStatus), systemd.unit.html (the folder of user units, specifiers), loginctl.html (linger).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from homelab.machine import Machine
from homelab.resources import file

HIDDEN: dict[str, Any] = {"show": False}
LOOK = """\
echo "folder=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user"
echo "enabled=$(systemctl --user is-enabled "$1.timer" 2>/dev/null)"
echo "active=$(systemctl --user is-active "$1.timer" 2>/dev/null)"
echo "manager=$(systemctl --user show -p Version --value 2>/dev/null)"
echo "linger=$(loginctl show-user "$(id -un)" -p Linger --value 2>/dev/null)"
"""
SERVICE = """\
[Unit]
Description={about}

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={command}
# 2: changes are planned and not applied. That is told, and is no failure of this unit.
SuccessExitStatus=2
Nice=10
TimeoutStartSec=2h
"""
TIMER = """\
[Unit]
Description={about}

[Timer]
OnCalendar={calendar}
# What was slept through is made up for.
Persistent=true

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True)
class State:
    """The units `name`.service and `name`.timer (None: there is none), and whether the timer is on, now and after each login.

    `manager`: whether the user's systemd answers; `linger`: whether it runs while the user is not logged in.
    """

    name: str = field(metadata=HIDDEN)
    service: str | None = field(default=None, metadata=HIDDEN)
    timer: str | None = field(default=None, metadata=HIDDEN)
    enabled: bool = False
    active: bool = False
    folder: str = field(default="", compare=False, metadata=HIDDEN)
    manager: bool = field(default=False, compare=False, metadata=HIDDEN)
    linger: bool = field(default=False, compare=False, metadata=HIDDEN)


def read(machine: Machine, name: str) -> State:
    """The units' files, and what systemctl and loginctl say.

    Raises:
        CommandFailed: there is no shell.
    """
    said = machine.run(["sh", "-c", LOOK, "sh", name], timeout=20).ok().out
    found = dict(line.partition("=")[::2] for line in said.splitlines())
    folder = found["folder"]
    service, timer = (machine.read_text(f"{folder}/{name}.{kind}") for kind in ("service", "timer"))
    return State(
        name, service, timer, found["enabled"] == "enabled", found["active"] == "active",
        folder, bool(found["manager"]), found["linger"] == "yes",
    )  # fmt: skip


def units(about: str, folder: str, command: Sequence[str], calendar: str) -> tuple[str, str]:
    """The text of the service that runs `command` in `folder`, and of the timer that starts it at `calendar`."""
    about, place = about.replace("%", "%%"), folder.replace("%", "%%")
    words = " ".join(map(_quoted, command))
    return SERVICE.format(about=about, folder=place, command=words), TIMER.format(
        about=about, calendar=calendar
    )


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it: specifiers and variables are not ours."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or any(c in word for c in " \t;'") else escaped


def command(before: State, after: State) -> list[str]:
    """Only what differs: files by here-documents, then what systemctl must be told."""
    place, lines = after.folder or before.folder, []
    if (before.enabled or before.active) and not (after.enabled and after.active):
        lines.append(f"systemctl --user disable --now {after.name}.timer")
    changed = False
    for kind, had, wanted in (
        ("service", before.service, after.service),
        ("timer", before.timer, after.timer),
    ):
        if had != wanted:
            path, changed = f"{place}/{after.name}.{kind}", True
            lines.append(file.command(file.State(path, had), file.State(path, wanted))[2])
    if changed:
        lines.append("systemctl --user daemon-reload")
    if after.enabled and after.active:
        if before.active and before.timer != after.timer:
            lines.append(f"systemctl --user restart {after.name}.timer")
        if not (before.enabled and before.active):
            lines.append(f"systemctl --user enable --now {shlex.quote(after.name)}.timer")
    return ["sh", "-c", "\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: a file cannot be written, or systemctl refuses.
    """
    machine.run(["sh", "-ec", command(before, after)[2]]).ok()


def difference(before: State, after: State) -> str:
    """What it is to be, in words; the command shows the units' lines."""
    if after.timer is None:
        return f"{after.name}.timer: removed"
    said = []
    if before.timer is None:
        said.append(f"{after.name}.timer: none → {_calendar(after.timer)}")
    elif before.timer != after.timer:
        said.append(f"{after.name}.timer: {_calendar(before.timer)} → {_calendar(after.timer)}")
    if before.service is not None and before.service != after.service:
        said.append(f"{after.name}.service: changed")
    if before.timer is not None and (before.enabled, before.active) != (after.enabled, after.active):
        said.append(f"on: {'yes' if before.active else 'no'} → {'yes' if after.active else 'no'}")
    return ", ".join(said)


def _calendar(timer: str) -> str:
    found = [line.partition("=")[2] for line in timer.splitlines() if line.startswith("OnCalendar=")]
    return found[0] if found else "at no time"
