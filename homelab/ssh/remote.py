"""What the other side runs: a POSIX shell that reads one line of program from us, and does it.

The line comes through the pipe, not as an argument: whatever the user's login shell is (fish quotes otherwise),
it starts a fixed text, and no value of ours shows in the other side's process list.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence

from homelab.machine import ADMINISTRATORS, ENGLISH
from homelab.no_sudo import stood_in

_PATH = f"PATH=$PATH:{':'.join(ADMINISTRATORS)}; export PATH"  # sshd's leads to none of them
_SETTING = "; ".join([_PATH, *(f"export {name}={value}" for name, value in ENGLISH.items())])
# A login shell's start may have printed something by then: what comes before the mark is not the command's.
MARK = secrets.token_hex(8)
BOOT = (
    "exec sh -c '"
    f'echo {MARK}; echo {MARK} $$ >&2; {_SETTING}; n="$(echo; echo .)"; n="${{n%.}}"; IFS= read -r p && eval "$p"'
    "'"
)
AS_ROOT = '[ "$(id -u)" -eq 0 ] && shift || { shift; set -- sudo -n "$@"; }'


def line(argv: Sequence[str], env: Mapping[str, str], fed: bool) -> bytes:
    """The program that runs `argv`; `fed`: what follows, up to the mark, is its standard input.

    It begins only when all of its input is there: a connection that breaks off meanwhile must not leave half a
    file. Where ``sudo`` would have to ask for a password it fails instead.
    """
    steps = [f"export {name}={_word(value)}" for name, value in env.items()]
    typed = stood_in(argv)  # whether it is root who asks is seen there
    steps.append("set -- " + " ".join(map(_word, typed)))
    if typed[0] == "sudo":
        steps.append(AS_ROOT)
    if fed:
        steps.append(f'p=$(cat); case $p in *{MARK}) ;; *) exit 255;; esac; printf %s "${{p%{MARK}}}" | "$@"')
    else:
        steps.append('"$@" </dev/null')
    steps.append(f"r=$?; echo {MARK}=$r >&2; exit $r")  # a server may lose the status: see `status`
    return ("; ".join(steps) + "\n").encode()


def status(line: str) -> tuple[str, int] | None:
    """The exit status that stands at the end of `line` of the other side's errors, and what stood before it.

    Tailscale SSH closes the output before it sends the status; ssh, which has nothing more to say, then closes the
    session, and a status that is still to come is lost. https://www.rfc-editor.org/rfc/rfc4254#section-6.10
    """
    before, _, word = line.rpartition(f"{MARK}=")
    return (before, int(word)) if word.isdigit() and word != line else None


def _word(text: str) -> str:
    """`text` as one word of a single line of shell."""
    return '"$n"'.join(shlex.quote(part) if part else "" for part in text.split("\n")) or "''"


def kill(pid: int, as_root: bool) -> list[str]:
    """The command that ends all that the shell `pid` started; `as_root`: some of it may be root's."""
    mine = f"kill -s KILL -- -{pid} 2>/dev/null || kill -s KILL {pid}"
    return ["sh", "-c", f"{mine}; sudo -n kill -s KILL -- -{pid}" if as_root else mine]
