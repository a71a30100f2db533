"""The machine that we run on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from homelab.errors import WaitTimeout
from homelab.machine import ADMINISTRATORS, ENGLISH, LEFT_OVER, TIMEOUT, Pending, Result, Watch, shown
from homelab.no_sudo import stood_in
from homelab.person import Person
from homelab.secret import mask, without_secrets


def collect(
    process: subprocess.Popen[str],
    argv: Sequence[str],
    stdin: str,
    timeout: float,
    watch: Watch | None,
    where: str,
    kill: Callable[[], None],
) -> Result:
    """Feed and read `process` to its end; lines go to `watch` while it runs."""
    start = time.monotonic()
    parts: dict[str, list[str]] = {"out": [], "err": []}

    def drain(name: str, pipe: IO[str]) -> None:
        for line in pipe:
            parts[name].append(line)
            if watch:
                watch(line.rstrip("\n"))

    readers = [
        threading.Thread(target=drain, args=(name, pipe), daemon=True)
        for name, pipe in (("out", process.stdout), ("err", process.stderr))
        if pipe
    ]
    for reader in readers:
        reader.start()
    with _ended_early():
        if process.stdin:
            process.stdin.write(stdin)
            process.stdin.close()
    try:
        rc = _wait(process, timeout)
    except subprocess.TimeoutExpired:
        kill()
        process.wait()
        last = "".join(parts["err"] or parts["out"]).strip().splitlines()[-1:] or ["it printed nothing"]
        raise WaitTimeout(
            f"`{shown(argv)}` to end", timeout, mask(last[0]), "run the same command in a shell there", where
        ) from None
    except BaseException:  # Ctrl-C: the command has a session of its own, and does not hear it
        kill()
        process.wait()
        raise
    for reader in readers:
        reader.join(LEFT_OVER)
    return Result(
        tuple(argv), rc, "".join(parts["out"]), "".join(parts["err"]), time.monotonic() - start, where
    )


def _wait(process: subprocess.Popen[str], timeout: float) -> int:
    """As ``process.wait``, which looks every 50 ms; the system tells us at once.

    Raises:
        TimeoutExpired: it did not end in time.
    """
    try:
        told = os.pidfd_open(process.pid)
    except OSError:  # the system has no such thing, or the process is gone
        return process.wait(timeout)
    try:
        poll = select.poll()
        poll.register(told, select.POLLIN)
        if not poll.poll(timeout * 1000):
            raise subprocess.TimeoutExpired(process.args, timeout)
    finally:
        os.close(told)
    return process.wait()


@contextmanager
def _ended_early() -> Iterator[None]:
    """A command may end without reading what we feed it."""
    with suppress(BrokenPipeError):
        yield


def _path() -> str:
    """Where programs are looked for: administrators' ones are not in the PATH of Debian's ordinary users."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *ADMINISTRATORS])


class LocalMachine:
    """The machine that we run on, as the user who runs us."""

    def __init__(self, name: str, person: Person, pending: Pending, about: str = "") -> None:
        self.name, self.person, self.pending = name, person, pending
        self.about = about or "the machine that this runs on"

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        """See `Machine.run`. Where `sudo` would have to ask for a password it fails instead of hanging."""
        is_root = os.geteuid() == 0
        typed = stood_in(argv) if is_root else list(argv)
        if typed[:1] == ["sudo"]:
            typed[:1] = [] if is_root else ["sudo", "-n"]
        try:
            process = subprocess.Popen(
                typed,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**without_secrets(os.environ), "PATH": _path(), **ENGLISH, **(env or {})},
                start_new_session=True,
            )
        except FileNotFoundError:
            return Result(tuple(argv), 127, "", f"{argv[0]}: not found\n", 0.0, self.name)

        def kill() -> None:
            with suppress(PermissionError):  # all that is left of it is root's
                os.killpg(process.pid, signal.SIGKILL)
            if os.geteuid() and any("sudo" in word for word in argv):
                as_root = ["sudo", "-n", "kill", "-s", "KILL", "--", f"-{process.pid}"]
                subprocess.run(as_root, stdin=subprocess.DEVNULL, capture_output=True, check=False)

        return collect(process, argv, stdin, timeout, watch, self.name, kill)

    def read_text(self, path: str) -> str | None:
        """See `Machine.read_text`."""
        file = Path(path).expanduser()
        return file.read_text(errors="replace") if file.is_file() else None

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        """See `Machine.write_text`."""
        file = Path(path).expanduser()
        new = file.with_name(f".{file.name}.new")
        made = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # private from its first byte on
        with os.fdopen(made, "w", encoding="utf-8") as put:
            put.write(text)
        new.chmod(mode)
        new.replace(file)
