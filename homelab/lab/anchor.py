"""A machine: one process that holds its namespaces and is its pid 1, and the channel to it."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import cgroups, kernel, root, wire
from .children import Children
from .inside import Inside


@dataclass
class Anchor:
    """The lab's side of a machine: `pid` is in the lab's PID namespace."""

    name: str
    pid: int
    channel: socket.socket
    sending: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, word: bytes) -> None:
        """Wait until the machine says that it got as far as `word`.

        Raises:
            wire.Refused: it failed before.
        """
        said = self.channel.recv(4096)
        if said != word:
            raise wire.Refused(said.decode(errors="replace") or "ended before it was ready", self.name)

    def pass_on(self, connection: socket.socket, request: dict[str, Any], fds: Sequence[int] = ()) -> None:
        """Let the machine do `request` and answer on `connection`.

        Raises:
            wire.Refused: the machine is gone.
        """
        raw = json.dumps(request).encode()
        with self.sending:
            try:
                socket.send_fds(self.channel, [raw], [connection.fileno(), *fds])
            except OSError as error:
                raise wire.Refused(f"the machine is gone: {error.strerror}", self.name) from error

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """Let the machine do one of the lab's own requests; its answer.

        Raises:
            wire.Refused: it says what went wrong.
        """
        fds = request.pop("fds", ())
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours:
            with theirs:
                self.pass_on(theirs, {"op": op, **request}, fds)
            with ours.makefile("rb") as answer:
                line = answer.readline()
        if not line:
            raise wire.Refused("the machine ended while it was asked", self.name)
        document: dict[str, Any] = json.loads(line)
        if problem := document.get("error"):
            raise wire.Refused(problem["what"], problem["where"], problem["hint"])
        return document


@dataclass(frozen=True)
class Plan:
    """What a machine is made of."""

    name: str
    hostname: str
    resolver: str
    folder: str
    layers: root.Layers
    places: list[root.Place]
    rootless: bool
    docker: bool = False
    restored: bool = False  # its layers are a saved lab's
    room: int | None = None  # MiB that its own disk holds
    groups: cgroups.Groups = field(default_factory=list)  # empty where the lab has none


def raise_up(plan: Plan) -> Anchor:
    """Start a machine's first process; it says `namespaces`, then `root`, on its channel.

    Called before there are threads.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gc.freeze()  # so that collecting garbage later does not copy every page that we share
    kernel.unshare(kernel.NEWPID)
    pid = os.fork()
    if pid == 0:
        try:
            _live(plan, theirs)
        except BaseException as error:
            traceback.print_exc()
            theirs.send(f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    kernel.enter("/proc/self/ns/pid", kernel.NEWPID)  # our own children stay here
    theirs.close()
    return Anchor(plan.name, pid, ours)


def _live(plan: Plan, channel: socket.socket) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # whoever started the lab may have ignored some
    _let_go_of_descriptors(channel.fileno())
    tempfile.tempdir = "/tmp"  # the host's may be a folder that is not there in the machine
    kernel.unshare(kernel.NEWNET | kernel.NEWNS | kernel.NEWUTS | kernel.NEWIPC)
    channel.send(b"namespaces")
    groups = cgroups.enter(plan.groups, plan.name) if plan.groups else []
    root.build(
        Path(plan.folder),
        plan.layers,
        plan.hostname,
        plan.resolver,
        plan.places,
        rootless=plan.rootless,
        room=plan.room,
        restored=plan.restored,
        groups=groups if plan.groups or (plan.docker and plan.rootless) else None,
    )
    kernel.set_process_name("init")
    if not plan.rootless:
        kept = kernel.ENGINE_NEEDS if plan.docker else ()
        kernel.drop_capabilities(tuple(c for c in kernel.REACHES_OUT if c not in kept))
    children = Children()
    inside = Inside(plan.name, children)
    threading.Thread(target=children.reap, daemon=True).start()
    channel.send(b"root")
    while True:
        raw, fds, _, _ = socket.recv_fds(channel, wire.MOST * 2, wire.FDS + 1)
        if not raw:
            os._exit(0)
        threading.Thread(target=_answer, args=(inside, json.loads(raw), fds), daemon=True).start()


def _answer(inside: Inside, request: dict[str, Any], fds: list[int]) -> None:
    with socket.socket(fileno=fds[0]) as connection:
        try:
            inside.serve(request, connection, fds[1:])
        except Exception as error:  # every failure is an answer
            wire.refuse(connection, error, inside.name)
        finally:
            wire.close(fds[1:])


def _let_go_of_descriptors(kept: int) -> None:
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    top = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir()) + 1
    os.closerange(3, kept)
    os.closerange(kept + 1, top)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
