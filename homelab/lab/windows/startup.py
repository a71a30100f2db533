"""The scripts of the startup folder: VBScript of the one form that the talk and the runbook have."""

from __future__ import annotations

import re

from .call import Unplayed

KNOWN = (
    'Set NAME = CreateObject("Wscript.Shell") and NAME.Run "COMMAND", 0, with comments and Option Explicit'
)
_SHELL = re.compile(r'set\s+(\w+)\s*=\s*createobject\("wscript\.shell"\)', re.IGNORECASE)
_RUN = re.compile(
    r'(?:call\s+)?(\w+)\.run\s*\(?\s*"((?:[^"]|"")*)"(?:\s*,\s*(\w+))?(?:\s*,\s*false)?\s*\)?', re.IGNORECASE
)
_HIDDEN = "0"


def read(name: str, raw: bytes) -> list[tuple[str, bool]]:
    """The commands in a script, and whether each is without a window.

    A name that nobody gave a value is empty, which counts as 0, hidden; with `Option Explicit` it is an error.
    So did a real engine (Wine's) with these lines.

    Raises:
        Unplayed: it is no such script.
    """
    if not name.lower().endswith(".vbs"):
        raise Unplayed(f"scripts called .vbs; what Windows makes of {name} is not established")
    if not raw.isascii():
        raise Unplayed("scripts in plain ASCII: an engine may start nothing at all from another one")
    shells, found, explicit = set(), [], False
    for line in _statements(raw.decode()):
        if line.lower() == "option explicit":
            explicit = True
        elif match := _SHELL.fullmatch(line):
            shells.add(match[1].lower())
        elif (match := _RUN.fullmatch(line)) and match[1].lower() in shells:
            window = match[3] or "1"
            if explicit and not window.isdigit():
                raise Unplayed(
                    f"defined names: Microsoft VBScript runtime error: Variable is undefined: '{window}'"
                )
            found.append((match[2].replace('""', '"'), window == _HIDDEN or not window.isdigit()))
        elif not re.fullmatch(r"dim\s+\w+(\s*,\s*\w+)*", line, re.IGNORECASE):
            raise Unplayed(f"scripts of this form: {KNOWN}; not `{line}`")
    return found


def _statements(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines()]
    code = [
        line for line in lines if line and not line.startswith("'") and not line.lower().startswith("rem ")
    ]
    return [part.strip() for line in code for part in re.split(r'\s:\s(?=(?:[^"]*"[^"]*")*[^"]*$)', line)]
