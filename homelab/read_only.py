"""Planning changes nothing: a guard in front of every machine, Docker engine and admin API of a world.

While the world is only read, a command runs if `homelab.read_only_commands` lists it; any other is refused
before it runs (`homelab.only_reads` judges). `World.apply` lifts the guard for as long as one change is made. At home it is always there;
in the lab, where breaking things is allowed, a test switches it on (``HOMELAB_GUARD=1``).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homelab import moment, only_reads
from homelab.errors import NotReadOnly
from homelab.machine import TIMEOUT, Machine, Result, Watch, shown
from homelab.record import masked

if TYPE_CHECKING:
    from homelab.machine import Pending
    from homelab.person import Person

ON, RECORD = "HOMELAB_GUARD", "HOMELAB_COMMANDS"
RUN = "HOMELAB_RUN"  # the runner has started us; nobody works beside us
_OURS = ("homelab.read_only", "homelab.local_machine", "homelab.lab_machine", "homelab.ssh", "homelab.engine")


class Guard:
    """One world's guard: `on` refuses, and `record` is a file that takes every command, one JSON line each.

    `recalls`: what has only been read holds for a moment; see `homelab.moment`.
    """

    def __init__(self, on: bool, record: Path | None = None, recalls: bool = False) -> None:
        self.on, self._record, self._changes = on, record, 0
        self.moment = moment.Moment(recalls)

    @classmethod
    def of(cls, home: bool) -> Guard:
        """The guard of a home, or of the lab, as the environment asks for it."""
        file = os.environ.get(RECORD)
        recalls = home and bool(os.environ.get(RUN))
        return cls(home or bool(os.environ.get(ON)), Path(file) if file else None, recalls)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Let changes through meanwhile; what was read before counts no more."""
        self._changes += 1
        try:
            with moment.anew():
                yield
        finally:
            self._changes -= 1
            moment.moved()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Be on meanwhile, in the lab too."""
        before, self.on = self.on, True
        try:
            yield
        finally:
            self.on = before

    def run(self, where: str, argv: Sequence[str], stdin: str = "") -> None:
        """Let the command `argv` pass on the machine `where`, or not.

        Raises:
            NotReadOnly: it is not listed, and nothing is being changed now.
        """
        self._pass(where, shown(argv), lambda: only_reads.command(argv, stdin), argv=list(argv))

    def request(self, where: str, method: str, path: str) -> None:
        """The same for a request to the Docker engine of `where`, or to the admin API (``tailnet``).

        Raises:
            NotReadOnly: see `run`.
        """
        asked = only_reads.admin_api if where == "tailnet" else only_reads.docker_api
        self._pass(where, f"{method} {path}", lambda: asked(method, path), request=f"{method} {path}")

    def change(self, where: str, what: str) -> None:
        """The same for what is never reading, such as writing a file.

        Raises:
            NotReadOnly: see `run`.
        """
        self._pass(where, what, lambda: "it changes something", change=what)

    def _pass(self, where: str, what: str, refusal: Any, **about: Any) -> None:
        if not self.on and self._record is None:
            return
        why = "" if self._changes else refusal()
        if self._record is not None:
            line = masked({"machine": where, "changing": bool(self._changes), "refused": why, **about})
            with self._record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        if why and self.on:
            raise NotReadOnly(what, why, _asker(), where)


def _asker() -> str:
    """Which stage and module ask, from the stack: ``stage 07_exit_node, homelab/checks/path.py:68``."""
    frame, found, stage = sys._getframe(2), "", ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("homelab.") and not module.startswith(_OURS) and not found:
            found = f"{module.replace('.', '/')}.py:{frame.f_lineno}"
        if module.startswith("homelab.stages.") and not stage:
            stage = f"stage {module.removeprefix('homelab.stages.')}, "
        frame = frame.f_back  # type: ignore[assignment]
    return stage + found


class Guarded:
    """`machine` behind its world's guard; in everything else it is that machine, for ``isinstance`` too."""

    name: str
    about: str
    person: Person
    pending: Pending

    def __init__(self, machine: Machine, guard: Guard) -> None:
        self._machine, self.guard = machine, guard

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        """See `Machine.run`.

        Raises:
            NotReadOnly: the command is not listed as one that only reads; it has not run.
        """

        def ask() -> Result:
            self.guard.run(self._machine.name, argv, stdin)
            return self._machine.run(argv, stdin=stdin, timeout=timeout, env=env, watch=watch)

        if watch or moment.is_measured(argv):
            try:
                return ask()
            finally:
                if moment.sends(argv):
                    moment.moved()
        question = (self._machine.name, tuple(argv), stdin, tuple(sorted((env or {}).items())))
        return self.guard.moment.once(question, ask)

    def read_text(self, path: str) -> str | None:
        """See `Machine.read_text`."""
        if path.startswith(("/proc/", "/sys/")):  # the kernel's own, which move all the time
            return self._machine.read_text(path)
        return self.guard.moment.once((self._machine.name, path), lambda: self._machine.read_text(path))

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        """See `Machine.write_text`.

        Raises:
            NotReadOnly: nothing is being changed now; the file is as it was.
        """
        self.guard.change(self._machine.name, f"write {path}")
        self._machine.write_text(path, text, mode)

    def link(self, network: str | None = None, **change: Any) -> Any:
        """See `LabMachine.link`."""
        if change:
            self.guard.change(self._machine.name, f"change the link to {network or 'its network'}")
        return self._machine.link(network, **change)  # type: ignore[attr-defined]

    def start(self, daemon: str) -> None:
        """See `LabMachine.start`."""
        self.guard.change(self._machine.name, f"start {daemon}")
        self._machine.start(daemon)  # type: ignore[attr-defined]

    def stop(self, daemon: str, signal: int = 15) -> None:
        """See `LabMachine.stop`."""
        self.guard.change(self._machine.name, f"stop {daemon}")
        self._machine.stop(daemon, signal)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._machine)
