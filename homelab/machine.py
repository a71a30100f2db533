"""A machine: the one place where commands run, files are read, and a network is looked at from.

`Machine` is the shape that resources, checks and stages rely on. The machine that we run on is in
`homelab.local_machine`, the lab's machines are in `homelab.lab_machine`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from homelab.errors import CommandFailed
from homelab.person import Person
from homelab.secret import mask

Watch = Callable[[str], None]
TIMEOUT = 60.0  # seconds; what takes longer says so
ADMINISTRATORS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # where ordinary users' PATH often does not lead
ENGLISH = {"LC_ALL": "C.UTF-8"}  # what programs say is compared with words that we know
LEFT_OVER = (
    5.0  # seconds to read what a command printed last; one that it left behind may hold the pipe for ever
)


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
    changes: list[Any] = field(default_factory=list)

    def wait(self, changes: list[Any]) -> None:
        """These wait now."""
        self.changes, self.count = changes, len(changes)


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
