"""The one connection to a machine: made when first needed, by the reader's own ``ssh``, and shared from then on."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from homelab.errors import PrerequisiteMissing, SshError
from homelab.person import Person
from homelab.ssh import faults, mux, over_tailscale, remote
from homelab.ssh.address import Address
from homelab.ssh.folder import folder

CONNECT = 10  # seconds for the other side to answer
SIGN_IN = 60.0  # seconds for all of it, key and agent included
ALIVE = 5  # seconds of silence, three times over, until a connection counts as cut
IDLE = 120  # seconds that an unused connection stays where whoever made it was killed, and could not end it
AGAIN = 20.0  # seconds in which who was not reached is not tried again: each of many checks would wait anew
AHEAD = 2  # sessions that are opened before they are needed: a command then takes one way there and back, not three
VISIT = 300  # seconds for a person to open a page
# Tailscale SSH may want its user to sign in again before it lets them in.
PAGE = re.compile(r"(?<=To authenticate, visit: )https://\S+")
# The reader's settings count, but for these. A host key is never accepted, and known_hosts never written, by us.
SETTINGS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "ConnectTimeout": str(CONNECT),
    "ServerAliveInterval": str(ALIVE),
    "ServerAliveCountMax": "3",
    "ControlMaster": "yes",
    "ControlPersist": str(IDLE),
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "LogLevel": "INFO",
}


def own_configuration() -> list[str]:
    """ssh's option for the file that ``HOMELAB_SSH_CONFIG`` names in the place of ~/.ssh/config, if it names one."""
    named = os.environ.get("HOMELAB_SSH_CONFIG")
    return ["-F", named] if named else []


class Connection:
    """To the machine at `address`; `name` is its role, for what errors say. `person` is asked where a page must be looked at."""

    def __init__(self, address: Address, name: str, person: Person) -> None:
        self.address, self.name, self._person = address, name, person
        self._ahead: list[mux.Session] = []
        self._lock, self._one_by_one = threading.Lock(), threading.Lock()
        self._failed: tuple[float, SshError] | None = None

    @property
    def path(self) -> str:
        """Its control socket."""
        what = f"{self.address} {own_configuration()}"
        return str(folder() / f"{hashlib.sha256(what.encode()).hexdigest()[:12]}.sock")

    @property
    def _log(self) -> Path:
        """What ssh has said."""
        return Path(self.path).with_suffix(".log")

    def session(self) -> mux.Session:
        """A shell on the other side that waits for its line (see `homelab.ssh.remote`).

        Raises:
            SshError: the machine cannot be reached.
            PrerequisiteMissing: there is no ssh here.
        """
        with self._lock:
            ready = None
            while self._ahead and ready is None:
                ready = _if_there(self._ahead.pop(0))
            try:
                ready = ready or self._open()
                while len(self._ahead) < AHEAD:
                    self._ahead.append(mux.Session(self.path, remote.BOOT))
            except mux.Gone as error:
                if ready is None:
                    raise self._cut(str(error)) from error
            return ready

    def forward(self, host: str, port: int, timeout: float) -> socket.socket:
        """A TCP connection that starts on the other side; `timeout` in seconds.

        Raises:
            Refused: nobody accepts there; says why.
            TimeoutError: no answer by then.
            SshError: the machine cannot be reached, or does not forward.
        """
        with self._forwarding():  # so that what the log says is about this one
            self._there()
            before = self._log.stat().st_size
            try:
                return mux.forward(self.path, host, port, timeout)
            except mux.Gone as error:
                raise self._cut(str(error)) from error
            except mux.Refused as error:
                said = faults.forwarding(self._log.read_bytes()[before:].decode(errors="replace"))
                if said == faults.PROHIBITED:
                    raise SshError(
                        "forward",
                        f"{self.address} forwards no connections",
                        self.name,
                        "AllowTcpForwarding yes, in its /etc/ssh/sshd_config",
                    ) from error
                raise mux.Refused(said or str(error)) from error

    def unix(self, path: str) -> socket.socket:
        """A connection to the unix socket at `path` on the other side; where nobody listens it ends at once.

        Raises:
            SshError: the machine cannot be reached, or the connection broke.
        """
        with self._forwarding():
            self._there()
            here = f"{self.path}.{hashlib.sha256(path.encode()).hexdigest()[:6]}"
            made = socket.socket(socket.AF_UNIX)
            try:
                if not self._reached(made, here):
                    Path(here).unlink(missing_ok=True)  # of a connection that has ended
                    mux.forward_unix(self.path, here, path)
                    made.connect(here)
            except (mux.Gone, mux.Refused, OSError) as error:
                made.close()
                raise self._cut(str(error)) from error
            return made

    @staticmethod
    def _reached(made: socket.socket, here: str) -> bool:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            made.connect(here)
            return True
        return False

    @contextlib.contextmanager
    def _forwarding(self) -> Iterator[None]:
        """One at a time, in this process and among those that share the connection."""
        with self._one_by_one, _alone(Path(f"{self.path}.forwards")):
            yield

    def _there(self) -> None:
        if not self.is_alive():
            with self._lock:
                self._connect()

    def is_alive(self) -> bool:
        """Whether it is there now."""
        return mux.is_alive(self.path)

    def sign_in_again(self) -> None:
        """End it; the next command makes a new one, which knows what the user may do since (a new group, say)."""
        self.close()
        mux.end(self.path)

    def close(self) -> None:
        """Let go of the sessions that nobody needed."""
        while self._ahead:
            self._ahead.pop().close()

    def _cut(self, said: str) -> SshError:
        return SshError(
            "cut", f"the connection to {self.address} broke: {said}", self.name, "run the same again"
        )

    def _open(self) -> mux.Session:
        try:
            return mux.Session(self.path, remote.BOOT)
        except mux.Gone:
            self._connect()
        return mux.Session(self.path, remote.BOOT)

    def _connect(self) -> None:
        if self._failed and time.monotonic() - self._failed[0] < AGAIN:
            raise self._failed[1]
        try:
            with _alone(Path(f"{self.path}.lock")):
                if not mux.is_alive(self.path):
                    self._start()
        except SshError as error:
            self._failed = (time.monotonic(), error)
            raise
        self._failed = None

    def _start(self) -> None:
        if not shutil.which("ssh"):
            raise PrerequisiteMissing(
                "there is no ssh here", "this machine", "sudo apt-get install openssh-client"
            )
        path, log = Path(self.path), self._log
        path.unlink(missing_ok=True)
        options = own_configuration()
        if self.address.way == "tailscale":
            options += over_tailscale.options(self.address, path.with_suffix(".known"), self.name)
        rc = self._run(options, SETTINGS)
        if rc is None:  # ssh would wait for a person no longer than for the network
            rc = self._run(options, SETTINGS | {"ServerAliveInterval": str(VISIT // 3)})
        if rc:
            raise faults.explain(log.read_text(errors="replace"), self.address, self.name, options)

    def _run(self, options: Sequence[str], settings: Mapping[str, str]) -> int | None:
        """Its exit status once it is through, or None where it waits for a person and has too little patience for that."""
        given = [word for pair in settings.items() for word in ("-o", "=".join(pair))]
        port = ["-p", str(self.address.port)] if self.address.port else []
        where = [
            "-S",
            self.path,
            "-E",
            str(self._log),
            *options,
            *given,
            *port,
            "--",
            self.address.destination,
        ]
        self._log.unlink(missing_ok=True)
        with self._log.open("ab") as words:
            # Its words go to a file: it stays, and would keep a pipe open for ever.
            process = subprocess.Popen(
                ["ssh", "-f", "-N", "-T", *where],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
                start_new_session=True,
            )
        try:
            told, deadline = False, time.monotonic() + SIGN_IN
            while time.monotonic() < deadline:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(0.2)
                page = PAGE.search(self._log.read_text(errors="replace"))
                if page and settings is SETTINGS:
                    return None
                if page and not told:
                    told, deadline = True, time.monotonic() + VISIT
                    self._person.sign_in(page[0])
            return 255
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _if_there(session: mux.Session) -> mux.Session | None:
    """`session`, or None where it has ended before it was used."""
    session.control.socket.setblocking(False)
    try:
        ended = not session.control.socket.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        ended = False  # asked for, and not yet there
    except OSError:
        ended = True
    session.control.socket.setblocking(True)
    if ended:
        session.close()
        return None
    return session


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two processes must not do it both at once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
