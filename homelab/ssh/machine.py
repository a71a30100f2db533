"""A machine of a home, over SSH."""

from __future__ import annotations

import codecs
import io
import os
import select
import shlex
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from homelab.errors import CommandFailed, SshError, WaitTimeout
from homelab.machine import LEFT_OVER, TIMEOUT, Pending, Result, Watch, shown
from homelab.person import Person
from homelab.secret import mask
from homelab.ssh import mux, remote
from homelab.ssh.address import Address
from homelab.ssh.connection import Connection

AT_ONCE = 6  # commands; sshd allows ten sessions in a connection, and some are opened ahead
NO_FILE = 44  # our script's own exit status
PIECE = 1 << 16
LONGEST = 130.0  # seconds: as long as the other side's system tries to connect
BEGUN = 2.0  # seconds for the process number of what is to be ended
PATIENCE = 10.0  # seconds for another process of ours to let go of a session


class SshMachine:
    """A machine that the reader's own ``ssh`` reaches, as the user that it signs in as."""

    def __init__(
        self, name: str, address: Address, person: Person, pending: Pending, about: str = ""
    ) -> None:
        self.name, self.person, self.pending = name, person, pending
        self.address = address
        self.about = about or f"the machine at {address}"
        self.connection = Connection(address, name, person)
        self._turns = threading.Semaphore(AT_ONCE)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        """See `Machine.run`. Where `sudo` would have to ask for a password it fails instead of hanging.

        Raises:
            SshError: the machine cannot be reached, or the connection broke meanwhile.
        """
        start = time.monotonic()
        line = remote.line(argv, env or {}, bool(stdin))
        with self._turns:
            while True:
                talk = _Talk(self.connection.session(), watch)
                try:
                    rc = talk.hold(line, stdin, start + timeout)
                except mux.Refused as error:  # before it began: others have all the sessions that sshd gives
                    self.connection.close()
                    if time.monotonic() - start > PATIENCE:
                        raise self._none_left(str(error)) from None
                    time.sleep(0.05)
                except TimeoutError:
                    self._kill(talk, argv)
                    raise self._late(talk, argv, timeout) from None
                except mux.Gone as error:
                    return self._broken(talk, argv, start, str(error))
                except BaseException:  # Ctrl-C
                    self._kill(talk, argv)
                    raise
                else:
                    break
                finally:
                    talk.session.close()
        if talk.pid is None:
            raise self._no_shell(talk)
        return Result(tuple(argv), rc, talk.out.text, talk.err.text, time.monotonic() - start, self.name)

    def read_text(self, path: str) -> str | None:
        """See `Machine.read_text`.

        Raises:
            CommandFailed: it is there, and this user may not read it.
        """
        word = _path(path)
        found = self.run(["sh", "-c", f"if [ -f {word} ]; then cat {word}; else exit {NO_FILE}; fi"])
        return None if found.rc == NO_FILE else found.ok().out

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        """See `Machine.write_text`.

        Raises:
            CommandFailed: this user may not write there, or the disk cannot be written.
        """
        folder, _, name = path.rpartition("/")
        new = _path(f"{folder}/.{name}.new" if "/" in path else f".{name}.new")
        put = f"umask 077; cat > {new} && chmod {mode:o} {new} && mv -f {new} {_path(path)}"
        done = self.run(["sh", "-c", f"{put} || {{ rm -f {new}; exit 1; }}"], stdin=text)
        if not done:
            raise CommandFailed(["write", path], done.rc, err=done.err, where=self.name)

    def dial(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """A TCP connection from there; `timeout` in seconds holds for the socket, too.

        Raises:
            Refused: nobody accepts there; says why.
            TimeoutError: no answer by then.
            SshError: the machine cannot be reached.
        """
        made = self.connection.forward(host, port, LONGEST if timeout is None else timeout)
        made.settimeout(timeout)
        return made

    def unix(self, path: str) -> socket.socket:
        """A connection to the unix socket at `path` there; where nobody listens it ends at once.

        Raises:
            SshError: the machine cannot be reached.
        """
        return self.connection.unix(path)

    def trusts(self, bundles: Sequence[str]) -> str:
        """A copy, here, of the first of the files `bundles` that is there; empty where none is.

        Raises:
            SshError: the machine cannot be reached.
        """
        copy = Path(f"{self.connection.path}.pem")
        if not copy.exists():
            found = self.run(["sh", "-c", 'for f; do [ -f "$f" ] && exec cat "$f"; done', "sh", *bundles]).out
            made = copy.with_suffix(f".{os.getpid()}")
            made.write_text(found)
            made.replace(copy)
        return str(copy) if copy.stat().st_size else ""

    def sign_in_again(self) -> None:
        """See `Connection.sign_in_again`."""
        self.connection.sign_in_again()

    def close(self) -> None:
        """Let go; the connection itself ends with its folder."""
        self.connection.close()

    def _kill(self, talk: _Talk, argv: Sequence[str]) -> None:
        if (pid := talk.begun(BEGUN)) is not None:
            with suppress(SshError, WaitTimeout):
                self._turns.release()  # ours, which the one that we end still holds
                try:
                    self.run(remote.kill(pid, any("sudo" in word for word in argv)), timeout=10)
                finally:
                    self._turns.acquire()

    def _none_left(self, said: str) -> SshError:
        what = f"{self.address} has opened no session for {PATIENCE:.0f} s: {said}"
        return SshError("other", what, self.name, "is MaxSessions of its sshd very low?")

    def _late(self, talk: _Talk, argv: Sequence[str], timeout: float) -> WaitTimeout:
        last = (talk.err.text or talk.out.text).strip().splitlines()[-1:] or ["it printed nothing"]
        hint = "run the same command in a shell there"
        return WaitTimeout(f"`{shown(argv)}` to end", timeout, mask(last[0]), hint, self.name)

    def _broken(self, talk: _Talk, argv: Sequence[str], start: float, said: str) -> Result:
        """The command ended without a word: it was killed there, or the connection broke.

        Raises:
            SshError: the connection broke.
        """
        if self.connection.is_alive():
            err = f"{talk.err.text}it was killed\n"
            return Result(tuple(argv), 137, talk.out.text, err, time.monotonic() - start, self.name)
        raise SshError(
            "cut",
            f"the connection to {self.address} broke while `{shown(argv)}` ran: {said}",
            self.name,
            "whether it ended there is not known; run the same again: it looks at what is there first",
        )

    def _no_shell(self, talk: _Talk) -> SshError:
        said = " | ".join((talk.err.text or talk.out.text).strip().splitlines()[-3:]) or "nothing"
        return SshError(
            "shell",
            f"{self.address} lets us in, but runs no POSIX shell; it says: {said}",
            self.name,
            "is sh there, and may this user run commands (no nologin shell, no ForceCommand)?",
        )


class _Lines:
    """What a pipe brings: text after the mark, line by line to `watch`."""

    def __init__(self, watch: Watch | None) -> None:
        self._decode = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), True)
        self._watch, self._open, self._begun = watch, "", False
        self.parts: list[str] = []
        self.mark = ""  # what stood beside the mark
        self.status: int | None = None  # what stood at its end

    @property
    def text(self) -> str:
        """All of it; before the mark came, what the login shell has said."""
        return "".join(self.parts) + self._open

    def take(self, piece: bytes) -> None:
        """What was read; nothing at the pipe's end."""
        self._open += self._decode.decode(piece, final=not piece)
        *lines, self._open = self._open.split("\n")
        for line in lines:
            if not self._begun and remote.MARK in line:
                self._begun, self.mark = True, line.partition(remote.MARK)[2].strip()
                self.parts.clear()
            elif found := remote.status(line):
                before, self.status = found
                if before:  # its own last line had no end
                    self._line(before, "")
            else:
                self._line(line, "\n")
        if not piece and self._open:
            self._line(self._open, "")
            self._open = ""

    def mute(self) -> None:
        """Tell nobody any more."""
        self._watch = None

    def _line(self, line: str, end: str) -> None:
        self.parts.append(line + end)
        if self._begun and self._watch:
            self._watch(line)


class _Talk:
    """One command, from its line to its exit status."""

    def __init__(self, session: mux.Session, watch: Watch | None) -> None:
        self.session = session
        self.out, self.err = _Lines(watch), _Lines(watch)

    @property
    def pid(self) -> int | None:
        """The shell's, once it has begun."""
        return int(self.err.mark) if self.err.mark.isdigit() else None

    def hold(self, line: bytes, stdin: str, deadline: float) -> int:
        """The exit status; `deadline` by the monotonic clock (s).

        Raises:
            TimeoutError: it did not end by then.
            mux.Gone: it ended without an exit status.
            mux.Refused: there was no session.
        """
        session, rc = self.session, None
        gone: mux.Gone | None = None
        left = memoryview(line + (stdin + remote.MARK).encode() if stdin else line)
        pipes = {session.out: self.out, session.err: self.err}
        os.set_blocking(session.stdin, False)
        while pipes or (rc is None and gone is None):
            reading: list[int | mux.Control] = [*pipes, *([] if gone else [session.control])]
            writing = [session.stdin] if left else []
            patience = deadline - time.monotonic()
            if patience <= 0:
                if rc is not None or gone:
                    break  # what it left behind holds the pipe
                raise TimeoutError
            ready, free, _ = select.select(reading, writing, [], patience)
            if free:
                left = self._feed(left)
            for source in ready:
                if isinstance(source, int):
                    piece = os.read(source, PIECE)
                    pipes[source].take(piece)
                    if not piece:
                        del pipes[source]
                    continue
                try:
                    found = self._heard()
                except mux.Gone as error:
                    gone, deadline = error, time.monotonic() + LEFT_OVER
                    continue
                if found is not None and rc is None:
                    rc = found
                    deadline = time.monotonic() + LEFT_OVER
        if rc is None and (rc := self.err.status) is None:
            assert gone
            raise gone
        return rc

    def begun(self, seconds: float) -> int | None:
        """Its `pid`, which may come after what it prints: waited for no longer than `seconds`."""
        end = time.monotonic() + seconds
        self.err.mute()
        while (
            self.pid is None
            and select.select([self.session.err], [], [], max(0.0, end - time.monotonic()))[0]
        ):
            if not (piece := os.read(self.session.err, PIECE)):
                break
            self.err.take(piece)
        return self.pid

    def _feed(self, left: memoryview) -> memoryview:
        try:
            left = left[os.write(self.session.stdin, left) :]
        except BrokenPipeError:  # it has ended, without reading all of it
            left = left[:0]
        if not left:
            self.session.close_stdin()
        return left

    def _heard(self) -> int | None:
        rc = None
        for kind, body in self.session.control.receive():
            if kind == mux.EXIT:
                rc = mux.number(body, 1)
            elif kind in (mux.FAILURE, mux.DENIED):
                raise mux.Refused(mux.reason(body))
        return rc


def _path(path: str) -> str:
    """`path` as a word of shell, with its ``~`` meant as the user's home."""
    if path == "~" or path.startswith("~/"):
        return '"$HOME"' + shlex.quote(path[1:]) if path[1:] else '"$HOME"'
    return shlex.quote(path if not path.startswith("-") else f"./{path}")
