"""A machine: the one place where commands run, files are read, and a network is looked at from.

`Machine` is the shape that resources, checks and stages rely on. `LocalMachine` is the machine
that we run on; the lab's machines are in `homelab.lab_machine`.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from homelab.errors import CommandFailed, WaitTimeout
from homelab.person import Person
from homelab.secret import mask

Watch = Callable[[str], None]
TIMEOUT = 60.0  # seconds; what takes longer says so


@dataclass(frozen=True)
class Result:
    """How a command ended: exit status, standard output and error, and how long it took (s)."""

    argv: tuple[str, ...]
    rc: int
    out: str
    err: str
    seconds: float
    where: str = ""

    def __bool__(self) -> bool:
        return self.rc == 0

    def ok(self) -> Result:
        """Itself.

        Raises:
            CommandFailed: the exit status is not 0.
        """
        if self.rc:
            raise CommandFailed(
                [mask(a) for a in self.argv], self.rc, mask(self.out), mask(self.err), self.where
            )
        return self


@dataclass
class Pending:
    """How many changes of a world wait because nothing may be applied: checks then wait as well."""

    count: int = 0


class Machine(Protocol):
    """Where things happen: `name` is its role in the world."""

    name: str
    about: str
    person: Person
    pending: Pending

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        """Run `argv` there and wait for its end; `watch` sees every line as it is printed.

        Raises:
            WaitTimeout: it did not end within `timeout` seconds (it is killed then).
        """
        ...

    def read_text(self, path: str) -> str | None:
        """The file's text, or None when there is no such file."""
        ...

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put `text` into the file at once: readers see the old or the new text, never half."""
        ...


def shown(argv: Sequence[str]) -> str:
    """`argv` as a learner would type it."""
    if list(argv[:2]) == ["sh", "-c"] and len(argv) == 3:
        return mask(argv[2])
    return mask(shlex.join(argv))


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
    import threading

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
        rc = process.wait(timeout)
    except subprocess.TimeoutExpired:
        kill()
        process.wait()
        last = "".join(parts["err"] or parts["out"]).strip().splitlines()[-1:] or ["it printed nothing"]
        raise WaitTimeout(
            f"`{shown(argv)}` to end", timeout, mask(last[0]), "run the same command in a shell there", where
        ) from None
    for reader in readers:
        reader.join()
    return Result(
        tuple(argv), rc, "".join(parts["out"]), "".join(parts["err"]), time.monotonic() - start, where
    )


@contextmanager
def _ended_early() -> Iterator[None]:
    """A command may end without reading what we feed it."""
    with suppress(BrokenPipeError):
        yield


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
        typed = list(argv)
        if typed[:1] == ["sudo"]:
            typed[:1] = [] if os.geteuid() == 0 else ["sudo", "-n"]
        try:
            process = subprocess.Popen(
                typed,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except FileNotFoundError:
            return Result(tuple(argv), 127, "", f"{argv[0]}: not found\n", 0.0, self.name)

        def kill() -> None:
            os.killpg(process.pid, signal.SIGKILL)

        return collect(process, argv, stdin, timeout, watch, self.name, kill)

    def read_text(self, path: str) -> str | None:
        """See `Machine.read_text`."""
        file = Path(path).expanduser()
        return file.read_text(errors="replace") if file.is_file() else None

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        """See `Machine.write_text`."""
        file = Path(path).expanduser()
        new = file.with_name(f".{file.name}.new")
        new.write_text(text)
        new.chmod(mode)
        new.replace(file)
