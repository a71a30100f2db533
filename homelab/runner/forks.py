"""Kernels as copies of one process that has loaded what they need (`homelab.runner.warm`), for jupyter_client."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from homelab.runner import tied, warm


class Warm:
    """The process that is copied; `environment` is the one of all copies. It starts at once, and loads meanwhile."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._start()

    def _start(self) -> None:
        self._wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                tied.command(signal.SIGKILL, warm.__name__, str(theirs.fileno())),
                env={**self._environment, **tied.environment()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def load(self, notebook: Path) -> None:
        """Have it load what `notebook` imports, before the next copy is made."""
        _tell(self._wire, load=str(notebook))

    def load_often(self) -> None:
        """Have it load what most notebooks come to need: worth while if it is copied more than once."""
        _tell(self._wire, often=True)

    def copy(self, arguments: list[str], environment: Mapping[str, str], folder: str, words: int) -> Copy:
        """A kernel with these arguments; it gets `environment` on top, and prints to the descriptor `words`.

        Raises:
            OSError: not even a new one can be copied; it may have run out of memory.
        """
        asked = {"argv": arguments, "env": dict(environment), "cwd": folder}
        try:
            pid = self._ask(asked, words)
        except OSError:  # somebody has killed it, the system for want of memory, say
            self.close()
            self._start()
            pid = self._ask(asked, words)
        return Copy(pid, self._wire)

    def _ask(self, asked: Mapping[str, Any], words: int) -> int:
        socket.send_fds(self._wire, [json.dumps(asked).encode()], [words])
        answer = self._wire.recv(warm.LARGEST)
        if not answer:
            raise BrokenPipeError("the process that kernels are copied from has ended")
        return int(json.loads(answer)["pid"])

    def close(self) -> None:
        """End it, and with it all copies that are left."""
        self._process.kill()
        self._process.wait()
        self._wire.close()


class Copy:
    """A copy's process, as far as jupyter_client wants a ``Popen``."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, parent: socket.socket) -> None:
        self.pid, self._parent = pid, parent
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None while it lives, then 1: what it ended with only its parent knows."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait `timeout` seconds for its end.

        Raises:
            subprocess.TimeoutExpired: it still lives.
        """
        if self._handle >= 0:
            if not select.select([self._handle], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("kernel", timeout or 0)
            os.close(self._handle)
            self._handle = -1
            _tell(self._parent, reap=self.pid)  # until then nobody else gets its number
        return 1

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _tell(wire: socket.socket, **what: Any) -> None:
    with contextlib.suppress(OSError):  # it has ended: the next copy will tell
        wire.send(json.dumps(what).encode())


class Provisioner(LocalProvisioner):
    """Copies `parent_process` where its base class starts a program."""

    parent_process: Warm

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """See `LocalProvisioner.launch_kernel`; `cmd` are the kernel's arguments."""
        made = self.parent_process.copy(cmd, kwargs["env"], kwargs["cwd"], kwargs["stdout"])
        self.process: Any = made
        self.pid = self.pgid = made.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info
