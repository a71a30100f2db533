"""``%UserProfile%\\.wslconfig``, WSL's own settings on Windows: read, and edited with its comments kept.

Sources: https://learn.microsoft.com/windows/wsl/wsl-config, and
https://github.com/microsoft/WSL/blob/master/src/windows/common/WslCoreConfig.h for what Microsoft's page lacked
for years: ``general.instanceIdleTimeout`` (15 s; below zero: a distribution is never stopped for being idle),
``wsl2.vmIdleTimeout`` (60 s; it counts only once every distribution has stopped, so alone it keeps nothing alive).
"""

from __future__ import annotations

import re

from homelab.machine import Machine
from homelab.wsl.interop import unix_path

FILE = ".wslconfig"
ALIVE = ("general", "instanceIdleTimeout", "-1")
ALIVE_VM = ("wsl2", "vmIdleTimeout", "-1")
SECTION = re.compile(r"^\ufeff?\s*\[([^\]]*)\]")
ENTRY = re.compile(r"^(\s*)([^#=\s][^=]*?)(\s*=\s*)([^#\r\n]*?)(\s*(?:#.*)?)$")


def place(machine: Machine, profile: str) -> str:
    """Where `machine` sees the file, `profile` being the user's folder as Windows names it.

    Raises:
        PrerequisiteMissing: drive C: is not mounted in WSL.
    """
    return unix_path(machine, f"{profile}\\{FILE}")


def value(text: str, section: str, key: str) -> str | None:
    """What the file says; None where it says nothing. The last one counts."""
    found, here = None, ""
    for line in text.splitlines():
        if match := SECTION.match(line):
            here = match[1].strip().lower()
        elif (entry := ENTRY.match(line)) and here == section.lower() and entry[2].lower() == key.lower():
            found = entry[4].strip()
    return found


def with_value(text: str, section: str, key: str, wanted: str) -> str:
    """`text` with that setting; everything else, comments and line ends included, stays as it is."""
    if value(text, section, key) == wanted:
        return text
    end = "\n" if "\n" in text and "\r\n" not in text else "\r\n"
    lines = text.splitlines(keepends=True)  # an editor may have left both kinds of line ends
    here, insert, done = "", None, False
    for n, whole in enumerate(lines):
        line = whole.rstrip("\r\n")
        if match := SECTION.match(line):
            here = match[1].strip().lower()
        elif here == section.lower() and (entry := ENTRY.match(line)) and entry[2].lower() == key.lower():
            lines[n] = f"{entry[1]}{entry[2]}{entry[3]}{wanted}{entry[5]}{whole[len(line) :]}"
            done = True
        if here == section.lower() and line.strip():
            insert = n + 1
    if done:
        return "".join(lines)
    if insert is not None:
        above = "".join(lines[:insert])
        above, tail = (
            (above, end) if above.endswith("\n") else (above + end, "")
        )  # as the file ended, it ends
        return above + f"{key}={wanted}{tail}" + "".join(lines[insert:])
    before = text if not text or text.endswith(end) else text + end
    gap = end if before else ""
    return f"{before}{gap}[{section}]{end}{key}={wanted}{end}"


def kept_alive(text: str) -> str:
    """`text` such that WSL goes on running once its last terminal is closed."""
    for section, key, wanted in (ALIVE, ALIVE_VM):
        text = with_value(text, section, key, wanted)
    return text


def lives_on(text: str) -> bool:
    """Whether a distribution is never stopped for being idle."""
    found = value(text, *ALIVE[:2]) or ""
    return found.startswith("-") and found[1:].isdigit()


def networking_mode(text: str) -> str:
    """The mode that the file asks for, in lower case; it may stand under its old heading. Empty where it does not."""
    for section in ("wsl2", "experimental"):
        if found := value(text, section, "networkingMode"):
            return found.lower()
    return ""
