"""One line in the user's crontab, between two marks of ours; all other lines stay as they are.

Source: https://manpages.debian.org/bookworm/cron/crontab.5.en.html (a percent sign ends the command unless escaped).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine

BEGIN, END = "# BEGIN homelab-runbook {0}", "# END homelab-runbook {0}"
NONE = "no crontab for"


@dataclass(frozen=True)
class State:
    """The `line` of ours called `name`; empty: there is none. `there`: whether this machine has cron at all."""

    name: str = field(metadata={"show": False})
    line: str = ""
    there: bool = field(default=True, compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Our line in ``crontab -l``.

    Raises:
        HomelabError: the crontab cannot be read.
    """
    text = _crontab(machine)
    if text is None:
        return State(name, there=False)
    found = _block(name).search(text)
    return State(name, found[1].strip() if found else "")


def escaped(command: str) -> str:
    """A command as a crontab takes it."""
    return command.replace("%", "\\%")


def command(before: State, after: State) -> list[str]:
    """``crontab -l`` without our lines, and with the new one, back to ``crontab``."""
    begin, end = BEGIN.format(after.name), END.format(after.name)
    kept = f"(crontab -l 2>/dev/null || :) | sed '/^{re.escape(begin)}$/,/^{re.escape(end)}$/d'"
    if not after.line:
        return ["sh", "-c", f"{kept} | crontab -"]
    lines = " ".join(map(shlex.quote, (begin, after.line, end)))
    return ["sh", "-c", f"{{ {kept}; printf '%s\\n' {lines}; }} | crontab -"]


def do(machine: Machine, before: State, after: State) -> None:
    """The same; a crontab that cannot be read just now is not written either.

    Raises:
        HomelabError: see `read`.
        CommandFailed: crontab refuses it.
    """
    text = _block(after.name).sub("", _crontab(machine) or "")
    if after.line:
        text += "" if not text or text.endswith("\n") else "\n"
        text += f"{BEGIN.format(after.name)}\n{after.line}\n{END.format(after.name)}\n"
    machine.run(["crontab", "-"], stdin=text).ok()


def _block(name: str) -> re.Pattern[str]:
    begin, end = re.escape(BEGIN.format(name)), re.escape(END.format(name))
    return re.compile(rf"^{begin}\n(.*?)^{end}(?:\n|\Z)", re.DOTALL | re.MULTILINE)


def _crontab(machine: Machine) -> str | None:
    """The whole crontab, empty where the user has none; None where there is no cron."""
    done = machine.run(["crontab", "-l"])
    if done.rc == 127:
        return None
    if not done and NONE not in done.err:
        raise HomelabError(
            f"the crontab cannot be read: {done.err.strip() or f'status {done.rc}'}", machine.name
        )
    return done.out if done else ""
