"""Windows programs called from WSL, with the traps of that handled.

- ``wsl.exe`` prints UTF-16LE, others the console's code page; a machine's `run` would lose the letters of both.
  So the bytes come over as base64, and `decoded` looks at them. A byte order mark and CRLF go.
- A program may be missing from PATH (``appendWindowsPath=false``, sudo): then System32 is looked at.
- Interop may be off. The kernel does not know Windows programs then, and a shell would run one as its
  own script: so that is looked at before.
- sudo, a service and SSH have no WSL_INTEROP: the first socket in /run/WSL serves them.
- A program eats our standard input, and may never end: it gets none, and its own time.
- Words are localised: callers look at numbers, columns and XML, never at words.

Sources: https://github.com/microsoft/WSL/blob/master/src/linux/init/binfmt.cpp (how a call goes, and its 10 s),
https://github.com/microsoft/WSL/issues/8843 (``MZ: not found``), https://github.com/microsoft/WSL/issues/4607 (UTF-16).
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from homelab.errors import CommandFailed, HomelabError, PrerequisiteMissing, WaitTimeout
from homelab.machine import Machine
from homelab.wsl import powershell

Value = TypeVar("Value")
TIMEOUT = 15.0  # seconds: a cold PowerShell takes 2 to 4, a WSL that must start takes more
GRACE = 5.0  # seconds that we give beyond that, for the shell around it
OEM = "cp850"  # the console's code page in western Europe; only letters in messages depend on it
OFF, MISSING, SLOW = "interop is off", "missing", "too slow"
HINTS = {
    OFF: "turn it on: [interop] enabled=true in /etc/wsl.conf, then `wsl --shutdown` on Windows; with systemd see "
    "https://github.com/microsoft/WSL/issues/8843",
    MISSING: "is this WSL, with drive C: mounted ([automount] in /etc/wsl.conf)?",
    SLOW: "run it in a terminal and see what it waits for",
}
SCRIPT = r"""
find_windows() {
  command -v "$1" && return
  c=$(wslpath -u 'C:\' 2>/dev/null) || c=/mnt/c
  for d in "${c%/}/Windows/System32" "${c%/}/Windows/System32/WindowsPowerShell/v1.0"; do
    [ -e "$d/$1" ] && { echo "$d/$1"; return; }
  done
  return 1
}
limit=$1 name=$2; shift 2
p=$(find_windows "$name") || { echo missing; exit 0; }
if [ "$(head -c 2 "$p" 2>/dev/null)" = MZ ]; then
  for f in /proc/sys/fs/binfmt_misc/*; do
    [ "$(head -n 1 "$f" 2>/dev/null)" = enabled ] && grep -qs '^magic 4d5a' "$f" && on=1
  done
  [ -n "$on" ] || { echo off; exit 0; }
fi
if ! [ -S "$WSL_INTEROP" ]; then
  for s in /run/WSL/1_interop /run/WSL/*_interop; do [ -S "$s" ] && export WSL_INTEROP="$s" && break; done
fi
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
timeout -k 1 "$limit" "$p" "$@" >"$d/out" 2>"$d/err" </dev/null
echo "rc $?"
base64 -w 0 "$d/out"; echo
base64 -w 0 "$d/err"; echo
"""
# What WSL's own init says where interop broke, and a shell where the kernel does not know Windows programs.
BROKEN = ("UtilConnectUnix", "UtilAcceptVsock", "UtilBindVsock", "Exec format error")


@dataclass(frozen=True)
class Said:
    """How a Windows program ended: status, output and error as text, seconds; `fault` says why it could not run."""

    argv: tuple[str, ...]
    rc: int
    out: str = ""
    err: str = ""
    seconds: float = 0.0
    fault: str = ""
    where: str = ""

    def __bool__(self) -> bool:
        return not self.fault and self.rc == 0

    def ran(self) -> Said:
        """Itself, whatever its status.

        Raises:
            PrerequisiteMissing: interop is off, or there is no such program.
            WaitTimeout: it did not end in its time.
        """
        if self.fault == SLOW:
            raise WaitTimeout(
                f"`{self.argv[0]}` to end", self.seconds, self.out[-80:] or "nothing", HINTS[SLOW], self.where
            )
        if self.fault == MISSING:
            raise PrerequisiteMissing(
                f"Windows' {self.argv[0]} is not to be found from here", self.where, HINTS[MISSING]
            )
        if self.fault:
            raise PrerequisiteMissing(
                f"{self.argv[0]} cannot be called: WSL's {self.fault}", self.where, HINTS[OFF]
            )
        return self

    def ok(self) -> Said:
        """Itself.

        Raises:
            PrerequisiteMissing, WaitTimeout: see `ran`.
            CommandFailed: its exit status is not 0.
        """
        self.ran()
        if self.rc:
            raise CommandFailed(self.argv, self.rc, self.out, self.err, self.where)
        return self


def decoded(data: bytes, oem: str = OEM) -> str:
    """What a Windows program printed, as text with plain line ends."""
    if data.startswith(b"\xff\xfe") or b"\x00" in data[1::2]:
        text = data[: len(data) // 2 * 2].decode("utf-16-le", "replace")
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode(oem, "replace")
    text = text.replace("\ufeff", "").replace("\x00", "").replace("\r\r\n", "\n").replace("\r\n", "\n")
    return text.replace("\r", "\n")


def call(machine: Machine, *argv: str, timeout: float = TIMEOUT) -> Said:
    """Run the Windows program ``argv[0]`` (such as ``netsh.exe``) on `machine`, which is WSL, for at most `timeout` s."""
    script = ["sh", "-c", SCRIPT, "interop", f"{timeout:g}", *argv]
    done = machine.run(script, timeout=timeout + GRACE)
    lines = done.out.splitlines() or [""]
    word, _, number = lines[0].partition(" ")
    fault = {"missing": MISSING, "off": OFF}.get(word, "")
    if fault:
        return Said(argv, 127, seconds=done.seconds, fault=fault, where=machine.name)
    try:
        rc, out, err = int(number), _bytes(lines, 1), _bytes(lines, 2)
    except (ValueError, binascii.Error) as error:
        raise CommandFailed(argv, done.rc, done.out, done.err, machine.name) from error
    said = Said(argv, rc, decoded(out), decoded(err), done.seconds, where=machine.name)
    if rc in (124, 137):
        fault = SLOW
    elif rc in (1, 126) and any(word in said.err for word in BROKEN):
        fault = OFF
    return Said(argv, rc, said.out, said.err, done.seconds, fault, machine.name)


def _bytes(lines: Sequence[str], n: int) -> bytes:
    return base64.b64decode(lines[n], validate=True) if n < len(lines) else b""


def ask(machine: Machine, script: str, timeout: float = TIMEOUT) -> list[dict[str, object]]:
    """What a question of `homelab.wsl.powershell` is answered.

    Raises:
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `Said.ok`.
        HomelabError: the answer is no JSON list.
    """
    return powershell.parse(call(machine, *powershell.argv(script), timeout=timeout).ok().out)


@dataclass(frozen=True)
class Unknown:
    """What could not be found out, and `why`."""

    why: str
    hint: str = ""

    def __str__(self) -> str:
        return f"unknown: {self.why}"

    def __bool__(self) -> bool:
        return False


def together(questions: Mapping[str, Callable[[], Value]]) -> dict[str, Value | Unknown]:
    """All `questions` at once, as each may take seconds; one that fails is `Unknown` and stops no other."""

    def asked(question: Callable[[], Value]) -> Value | Unknown:
        try:
            return question()
        except HomelabError as error:
            return Unknown(error.what, error.hint)

    with ThreadPoolExecutor(max_workers=max(1, len(questions))) as pool:
        running = {name: pool.submit(asked, question) for name, question in questions.items()}
        return {name: future.result() for name, future in running.items()}


def typed(*argv: str) -> str:
    """A Windows program as one types it in WSL's shell: with PowerShell's script in double quotes."""
    words = [shlex.quote(word) for word in argv]
    if argv[0] == powershell.PROGRAM:
        words[-1] = '"' + argv[-1].replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`") + '"'
    return " ".join(words)


def unix_path(machine: Machine, path: str) -> str:
    r"""Where `machine` sees a Windows path, such as ``C:\Users\ana``.

    Raises:
        PrerequisiteMissing: that drive is not mounted in WSL.
    """
    done = machine.run(["wslpath", "-u", path])
    found = done.out.strip()
    if not done or not found.startswith("/"):
        raise PrerequisiteMissing(f"{path} is nowhere in WSL's files", machine.name, HINTS[MISSING])
    return found


def windows_path(machine: Machine, path: str) -> str:
    """How Windows sees `path` of `machine`.

    Raises:
        CommandFailed: wslpath refuses.
    """
    return machine.run(["wslpath", "-w", path]).ok().out.strip()
