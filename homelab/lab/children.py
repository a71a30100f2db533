"""Processes of one machine: started by its pid 1, which also reaps whatever lost its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOT_FOUND, NOT_ALLOWED = 127, 126


class Children:
    """One reaper for all: two that wait for the same child would take each other's status."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._ended: dict[int, Callable[[int], None]] = {}

    def start(
        self,
        argv: Sequence[str],
        fds: Sequence[int],
        on_end: Callable[[int], None],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = "/root",
        user: str = "root",
        tty: bool = False,
    ) -> int:
        """Start `argv` on three descriptors, in a session of its own; its PID.

        `on_end` is called with its status (128 + n if signal n ended it). With `tty` the descriptors'
        terminal becomes the session's own.

        Raises:
            OSError: there is no such program, or it cannot be run.
            KeyError: there is no such user.
        """
        who = Account.named(user)
        environment = who.environment() | dict(env or {})
        # setsid(1) takes the terminal after it made the session, which no option of Popen can.
        command = ["setsid", "--ctty", *argv] if tty else list(argv)
        if tty:
            find(argv[0], environment["PATH"])
        with self._lock:
            process = subprocess.Popen(
                command,
                stdin=fds[0],
                stdout=fds[1],
                stderr=fds[2],
                env=environment,
                cwd=cwd if Path(cwd).is_dir() else "/",
                start_new_session=not tty,
                user=who.uid if who.uid else None,
                group=who.gid if who.uid else None,
                extra_groups=who.groups if who.uid else None,
            )
            process.returncode = 0  # so that the object does not wait: the reaper will
            self._ended[process.pid] = on_end
            self._lock.notify_all()
            return process.pid

    def reap(self) -> None:
        """Reap for ever; the work of one thread."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                with self._lock:
                    self._lock.wait_for(lambda: self._ended)
                continue
            with self._lock:
                on_end = self._ended.pop(pid, None)
            if on_end:
                code = os.waitstatus_to_exitcode(status)
                on_end(code if code >= 0 else 128 - code)


class Account:
    """A line of the machine's own passwd; the C library would ask the host's."""

    def __init__(self, name: str, uid: int, gid: int, home: str, groups: list[int]) -> None:
        self.name, self.uid, self.gid, self.home, self.groups = name, uid, gid, home, groups

    @classmethod
    def named(cls, name: str) -> Account:
        """The account `name`.

        Raises:
            KeyError: there is none.
        """
        if name == "root":
            return cls("root", 0, 0, "/root", [])
        for line in Path("/etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == name and len(fields) == 7:
                return cls(name, int(fields[2]), int(fields[3]), fields[5], _groups_of(name))
        raise KeyError(name)

    def environment(self) -> dict[str, str]:
        """What a login would set, and what the machine's /etc/environment adds to it."""
        return {
            "PATH": PATH,
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
            **_of_every_login(),
        }


def find(program: str, path: str) -> str:
    """Where `program` is.

    Raises:
        FileNotFoundError: nowhere on `path`.
    """
    places = [program] if "/" in program else [f"{folder}/{program}" for folder in path.split(":")]
    for place in places:
        if os.access(place, os.X_OK) and not Path(place).is_dir():
            return place
    raise FileNotFoundError(2, "No such file or directory", program)


def end_group(pid: int, number: int = signal.SIGTERM) -> None:
    """Signal the process group that `pid` leads, if it is still there."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def has_group(pid: int) -> bool:
    """Whether anything is left of the process group that `pid` leads or led."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _of_every_login() -> dict[str, str]:
    try:
        lines = Path("/etc/environment").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _groups_of(name: str) -> list[int]:
    lines = (line.split(":") for line in Path("/etc/group").read_text().splitlines())
    return [int(f[2]) for f in lines if len(f) == 4 and name in f[3].split(",")]
