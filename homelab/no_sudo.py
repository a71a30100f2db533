"""Root on a machine without ``sudo``, as Debian installs it where root has a password: what is typed with it works too.

A command that begins with ``sudo`` is run without it; in a line for the shell a function of that name stands in,
only where nothing else of that name is there and it is root who asks.
"""

from __future__ import annotations

from collections.abc import Sequence

STAND_IN = """\
if [ "$(id -u)" -eq 0 ] && ! command -v sudo >/dev/null 2>&1; then sudo() {
  while :; do case ${1-} in
    -n | -E | -H | --) shift ;;
    -u) [ "${2-}" = root ] || { echo "sudo: not found, and this needs it: -u ${2-}" >&2; return 127; }; shift 2 ;;
    -*) echo "sudo: not found, and this needs it: $1" >&2; return 127 ;;
    *) break ;;
  esac; done
  env "$@"
}; fi
"""
SHELLS = ("sh", "bash", "dash")


def stood_in(argv: Sequence[str]) -> list[str]:
    """`argv` with the stand-in ahead of a shell's line that names ``sudo``; and for options of ``sudo`` itself."""
    typed = list(argv)
    if typed[:1] == ["sudo"] and typed[1:2] and typed[1].startswith("-"):
        return ["sh", "-c", f'{STAND_IN}sudo -n "$@"', *typed]
    if typed and typed[0] in SHELLS:
        at = next((n for n, word in enumerate(typed[1:], 1) if word[:1] == "-" and word[-1:] == "c"), 0)
        if at and "sudo" in "".join(typed[at + 1 : at + 2]):
            typed[at + 1] = STAND_IN + typed[at + 1]
    return typed
