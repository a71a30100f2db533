"""systemctl, loginctl and crontab as a test's own programs on PATH: the verbs that we use, all others refused.

What they keep is in files, so that two processes see the same. They say what the real ones say.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from homelab.local_machine import LocalMachine
from homelab.machine import Pending, Result, Watch
from homelab.person import Reader

SYSTEMCTL = r"""#!/bin/sh
echo "systemctl $*" >>"$PLAYED/calls"
[ "$1" = --user ] || { echo "played: only --user" >&2; exit 64; }
shift
[ -e "$PLAYED/systemd" ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
units="$XDG_CONFIG_HOME/systemd/user"
case "$1" in
  show) echo "252.38-1~deb12u1" ;;
  daemon-reload) rm -rf "$PLAYED/loaded"; mkdir "$PLAYED/loaded"; cp "$units"/* "$PLAYED/loaded/" 2>/dev/null; true ;;
  is-enabled) [ -e "$PLAYED/on/$2" ] && echo enabled || { [ -e "$units/$2" ] && echo disabled || exit 1; exit 1; } ;;
  is-active) [ -e "$PLAYED/on/$2" ] && echo active || { echo inactive; exit 3; } ;;
  restart) [ -e "$PLAYED/loaded/$2" ] || exit 5; cp "$PLAYED/loaded/$2" "$PLAYED/on/$2" ;;
  enable) [ "$2" = --now ] && [ -e "$PLAYED/loaded/$3" ] || { echo "Failed to enable unit: Unit file $3 does not exist." >&2; exit 1; }
          mkdir -p "$PLAYED/on"; cp "$PLAYED/loaded/$3" "$PLAYED/on/$3" ;;
  disable) [ "$2" = --now ] && [ -e "$units/$3" ] || { echo "Failed to disable unit: Unit file $3 does not exist." >&2; exit 1; }
           rm -f "$PLAYED/on/$3" ;;
  *) echo "played: $1 is not" >&2; exit 64 ;;
esac
"""
LOGINCTL = r"""#!/bin/sh
[ "$1 $3 $4 $5" = "show-user -p Linger --value" ] || exit 64
[ -e "$PLAYED/linger" ] && echo yes || echo no
"""
CRONTAB = r"""#!/bin/sh
echo "crontab $*" >>"$PLAYED/calls"
[ -e "$PLAYED/cron-is-broken" ] && { echo "crontab: cannot open: Permission denied" >&2; exit 1; }
case "$1" in
  -l) [ -e "$PLAYED/crontab" ] && cat "$PLAYED/crontab" || { echo "no crontab for ana" >&2; exit 1; } ;;
  -) cat >"$PLAYED/crontab.new"; mv "$PLAYED/crontab.new" "$PLAYED/crontab" ;;
  *) exit 64 ;;
esac
"""


class Timers:
    """A machine with some of the programs; `systemd` and `cron` say which."""

    name, about = "tequila", "played"

    def __init__(self, folder: Path, systemd: bool = True, cron: bool = True, linger: bool = False) -> None:
        self.played, self.config, binaries = folder / "played", folder / "my config", folder / "bin"
        self.person, self.pending = Reader(), Pending()
        self.local = LocalMachine(self.name, self.person, self.pending)
        for made in (self.played, binaries):
            made.mkdir()
        (self.played / "loaded").mkdir()
        for name, there in (("systemd", systemd), ("linger", linger)):
            if there:
                (self.played / name).touch()
        programs = {"systemctl": SYSTEMCTL, "loginctl": LOGINCTL} | ({"crontab": CRONTAB} if cron else {})
        for name, text in programs.items():
            (binaries / name).write_text(text)
            (binaries / name).chmod(stat.S_IRWXU)
        tools = ("sh", "cat", "cp", "mv", "rm", "mkdir", "sed", "id", "install", "stat", "ip", "uname", "cut", "head", "ls", "tr")  # fmt: skip
        for tool in tools:  # not all of /usr/bin: it may have a crontab of its own
            real = next((p for d in ("/usr/bin", "/bin", "/sbin") if (p := Path(d, tool)).exists()), None)
            if real:
                (binaries / tool).symlink_to(real)
        self.env = {
            "PATH": str(binaries), "PLAYED": str(self.played), "XDG_CONFIG_HOME": str(self.config),
            "WSL_INTEROP": "", "WSL_DISTRO_NAME": "",
        }  # fmt: skip

    @property
    def crontab(self) -> str:
        path = self.played / "crontab"
        return path.read_text() if path.exists() else ""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        binary = Path(self.env["PATH"], argv[0])
        if not binary.exists():
            return Result(tuple(argv), 127, "", f"{argv[0]}: not found\n", 0.0, self.name)
        typed = [str(binary), *argv[1:]]
        return self.local.run(
            typed, stdin=stdin, timeout=timeout, env=self.env | dict(env or {}), watch=watch
        )

    def read_text(self, path: str) -> str | None:
        return self.local.read_text(path)

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        self.local.write_text(path, text, mode)
