"""What a machine's first process does on request: every name, path and address is the machine's own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import tempfile
import termios
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import names, processes, still
from .children import NOT_ALLOWED, NOT_FOUND, Children, end_group, has_group
from .forward import Forward
from .wire import Refused, Unfit, close, reply

Connection = socket.socket
Handler = Callable[[dict[str, Any], Connection, list[int]], None]
PATIENCE = 5.0  # seconds that a daemon has to end before it is killed


class Inside:
    """The requests that a machine answers; `serve` runs one, in a thread of its own."""

    def __init__(self, name: str, children: Children) -> None:
        self.name, self.children = name, children
        self._daemons: dict[str, tuple[int, threading.Event]] = {}
        self._forwards: dict[str, Forward] = {}
        self._commands: set[int] = set()  # their PIDs
        self._lock = threading.Lock()

    def serve(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """Do one request and answer it.

        Raises:
            Refused, OSError: it cannot be done.
        """
        handler: Handler | None = getattr(self, f"_do_{request['op']}", None)
        if handler is None:
            raise Refused(f"there is no request {request['op']!r}")
        handler(request, connection, fds)

    def _do_run(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        argv, tty = request.get("argv"), bool(request.get("tty"))
        if not isinstance(argv, list) or not argv or not all(isinstance(a, str) for a in argv):
            raise Refused("`argv` must be a list of words")
        if len(fds) != (0 if tty else 3):
            raise Refused("a command needs three descriptors, or `tty` and none")
        over, told, said = threading.Event(), threading.Event(), threading.Event()

        def ended(status: int) -> None:
            over.set()
            told.wait()  # a command may end before its start was answered
            reply(connection, {"rc": status})
            _hang_up(connection)
            said.set()

        # A terminal is made here: one of the caller's would have no name in this machine.
        terminal = os.openpty() if tty else ()
        try:
            if terminal:
                termios.tcsetwinsize(terminal[1], request.get("size") or (24, 80))
            pid, status = self._start_command(request, terminal[1:] * 3 or fds, ended)
            reply(connection, {"pid": pid}, terminal[:1])
        finally:
            told.set()
            close(terminal)
        if not pid:
            reply(connection, {"rc": status})
            return
        self._commands.add(pid)
        with contextlib.suppress(ConnectionError):
            while connection.recv(1024):
                continue
        self._commands.discard(pid)
        if not over.is_set():  # the client left: what it started goes with it
            end_group(pid, signal.SIGTERM)
            end_group(pid, signal.SIGCONT)
            if not over.wait(1):
                end_group(pid, signal.SIGKILL)
        # Whoever closes the connection while the reaper still speaks on it would let it speak on the next one,
        # which gets the same number at once.
        said.wait(PATIENCE)

    def _start_command(
        self, request: dict[str, Any], fds: Sequence[int], ended: Callable[[int], None]
    ) -> tuple[int, int]:
        """The PID of the command; 0, and its status, where it cannot be started."""
        argv = request["argv"]
        try:
            pid = self.children.start(
                argv,
                fds,
                ended,
                env=request.get("env"),
                cwd=request.get("cwd") or "/root",
                user=request.get("user") or "root",
                tty=bool(request.get("tty")),
            )
        except KeyError as error:
            raise Unfit(f"there is no user {error.args[0]!r}", self.name) from error
        except OSError as error:
            found = not isinstance(error, FileNotFoundError)
            what = error.strerror if found else "command not found"
            os.write(fds[2], f"{argv[0]}: {what}\n".encode())
            return 0, NOT_ALLOWED if found else NOT_FOUND
        return pid, 0

    def _do_start(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        name, over = request["name"], threading.Event()
        with self._lock:
            if name in self._daemons and not self._daemons[name][1].is_set():
                return reply(connection, {"ok": True, "pid": self._daemons[name][0], "already": True})
            if other := self._started_elsewhere(name):
                return reply(connection, {"ok": True, "pid": other[0].pid, "already": True})
            with open("/dev/null", "rb") as nothing:  # noqa: PTH123
                try:
                    pid = self.children.start(
                        request["argv"],
                        (nothing.fileno(), fds[0], fds[0]),
                        lambda _: over.set(),
                        env=request.get("env"),
                        cwd=request.get("cwd") or "/",
                        user=request.get("user") or "root",
                    )
                except OSError as error:
                    raise Refused(f"{request['argv'][0]}: {error.strerror}", self.name) from error
            self._daemons[name] = (pid, over)
            if pid_file := request.get("pid_file"):
                Path(pid_file).write_text(f"{pid}\n")
        return reply(connection, {"ok": True, "pid": pid})

    def _do_stop(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        name, number = request["name"], int(request.get("signal") or signal.SIGTERM)
        pid, over = self._daemons.get(name, (0, threading.Event()))
        if not pid or over.is_set():
            others = self._started_elsewhere(name)
            for process in others:
                processes.signal(process.pid, number)
            if not processes.until(lambda: not any(processes.is_alive(p.pid) for p in others), PATIENCE):
                for process in others:
                    processes.signal(process.pid, signal.SIGKILL)
            return reply(connection, {"ok": True, "stopped": len(others)})
        end_group(pid, number)
        # Its own children may take a moment longer than the daemon itself.
        if not processes.until(lambda: over.is_set() and not has_group(pid), PATIENCE):
            end_group(pid, signal.SIGKILL)
            processes.until(lambda: over.is_set() and not has_group(pid), PATIENCE)
        return reply(connection, {"ok": True, "stopped": 1})

    def _started_elsewhere(self, name: str) -> list[processes.Process]:
        """Daemons that a package's own script started: known by their program."""
        ours = {pid for pid, _ in self._daemons.values()}
        return [p for p in processes.all() if p.name == name and p.pid not in ours]

    def _do_alive(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: whether a daemon runs, whoever started it."""
        _, over = self._daemons.get(request["name"], (0, None))
        alive = over is not None and not over.is_set()
        reply(connection, {"alive": alive or bool(self._started_elsewhere(request["name"]))})

    def _do_socket(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        family = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(request.get("family") or "inet")
        kind = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM}.get(request.get("type") or "stream")
        if family is None or kind is None:
            raise Refused("`family` is inet or inet6, `type` is stream or dgram")
        with socket.socket(family, kind) as made:
            reply(connection, {"ok": True}, [made.fileno()])

    def _do_resolve(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        host = str(request.get("host") or "")
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
            raise Refused(f"{host!r} is no host name", self.name)
        found = self._capture(["getent", "ahosts", host], fine=(0, 2))
        addresses = list(dict.fromkeys(line.split()[0] for line in found.splitlines() if "STREAM" in line))
        if not addresses:
            raise Refused(f"{host}: not known here", self.name, "is it spelled right, and is DNS reached?")
        reply(connection, {"addresses": addresses})

    def _do_unix(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(request["path"])
            reply(connection, {"ok": True}, [made.fileno()])

    def _do_read(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        try:
            handle = os.open(request["path"], os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return reply(connection, {"ok": False})
        os.set_blocking(handle, True)
        reply(connection, {"ok": True}, [handle])
        return os.close(handle)

    def _do_write(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        path = Path(request["path"])
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            reply(connection, {"ok": True}, [handle])
            said = b""
            while b"\n" not in said and (data := connection.recv(1024)):
                said += data
            if not said or not json.loads(said).get("commit"):
                raise Refused("the write was given up; nothing changed", str(path))
            os.fchmod(handle, int(request.get("mode", 0o644)))
            os.fsync(handle)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        reply(connection, {"ok": True})

    def _do_batch(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: commands with their input, one after the other; the first failure is the answer."""
        for path, text in (request.get("files") or {}).items():
            Path(path).write_text(text)
        for argv, text in request.get("commands") or []:
            self._capture(argv, text)
        reply(connection, {"ok": True})

    def _do_names(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: answer the containers' DNS questions on an address of this machine."""
        names.serve(request["address"])
        reply(connection, {"ok": True})

    def _do_forward(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: forward TCP under a name from `listen` to `connect`; without them, no more."""
        with self._lock:
            if old := self._forwards.pop(request["name"], None):
                old.end()
            if listen := request.get("listen"):
                self._forwards[request["name"]] = Forward(tuple(listen), tuple(request["connect"]))
        reply(connection, {"ok": True})

    def _do_commands(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: how many commands of clients run."""
        reply(connection, {"count": len(self._commands)})

    def _do_halt(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: end everything but this first process, as switching the machine off does."""
        for number, seconds in ((signal.SIGTERM, 1.0), (signal.SIGKILL, PATIENCE)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, number)
            if processes.until(lambda: not any(processes.is_alive(p.pid) for p in processes.all()), seconds):
                break
        reply(connection, {"ok": True})

    def _do_still(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: everything stands still, or (`over`) goes on."""
        if request.get("over"):
            still.go_on()
        else:
            still.stop_all()
        reply(connection, {"ok": True})

    def _do_background(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: the programs that run by themselves."""
        known = self._commands | {pid for pid, _ in self._daemons.values()}
        reply(connection, {"programs": still.background(known)})

    def _do_again(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: start such a program again."""
        try:
            reply(connection, {"pid": still.start(request["program"], self.children)})
        except KeyError as error:
            raise Refused(f"there is no user {error.args[0]!r}", self.name) from error

    def _do_quiz(self, request: dict[str, Any], connection: Connection, fds: list[int]) -> None:
        """The lab's own: what one command prints."""
        fine = tuple(request.get("fine") or (0,))
        reply(connection, {"out": self._capture(request["argv"], fine=fine)})

    def _capture(self, argv: list[str], text: str = "", fine: tuple[int, ...] = (0,)) -> str:
        """What `argv` prints when it is given `text`; its status must be one of `fine`."""
        done, status = threading.Event(), [0]
        with (
            tempfile.TemporaryFile() as into,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            into.write(text.encode())
            into.seek(0)

            def ended(code: int) -> None:
                status[0] = code
                done.set()

            self.children.start(argv, (into.fileno(), out.fileno(), err.fileno()), ended, cwd="/")
            done.wait()
            for file in (out, err):
                file.seek(0)
            printed, said = out.read().decode(errors="replace"), err.read().decode(errors="replace").strip()
        if status[0] not in fine:
            raise Refused(f"`{' '.join(argv)}` ended with status {status[0]}: {said}", self.name)
        return printed


def _hang_up(connection: Connection) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
