"""How a command of ``plan.sh`` gets to another machine: as one word of whatever login shell is there, with the files that it copies."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

# Fish takes a backslash within single quotes for its own; so each stands within double ones, which all shells read alike.
SH_C = r"""sh_c() { # a script, as a command line for whatever login shell is there
    local script='' quote="'\"'\"'" slash="'\"\\\\\"'"
    printf -v script %s "$@"
    script=${script//\'/"$quote"}
    script=${script//\\/"$slash"}
    printf "sh -c '%s'" "$script"
}
"""
PLAIN = re.compile(r"[\w./:=,@%+ -]+")  # what every shell reads alike as it stands
COPIED = re.compile(r"(?<![\w./-])(?:params|homelab|\.venv)/[^\s;&|]+")
UNPACK = 'd=$(mktemp -d); trap \'rm -rf "$d"\' EXIT; cd "$d"; tar -xf -'


def word(parts: Sequence[str], command: str) -> str:
    """`command`, and before it `parts` as they are written here: one word of a command line for another machine."""
    if not parts and PLAIN.fullmatch(command):
        return shlex.quote(command)
    return f'"$(sh_c {" ".join([*parts, shlex.quote(command)])})"'


def copied(command: str) -> list[str]:
    """What `command` copies out of the folder of this runbook: paths, which may be patterns."""
    lines = (line for line in command.splitlines() if re.search(r"\bcp -?\w* ?", line))
    return [path for line in lines for path in COPIED.findall(line)]


def packed(paths: Sequence[str]) -> str:
    """What sends them along, ahead of a command that begins with `UNPACK`."""
    return f"tar -cf - {' '.join(paths)}"
