"""The lab that a run or a notebook happens in: the one that is there, or one of its own that ends with it.

A lab of our own hangs on a pipe that only this process holds: whatever becomes of us, it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from homelab import labsocket
from homelab.errors import EXIT_NOT_STARTED, LabError, PrerequisiteMissing

CHECKOUT = Path(__file__).resolve().parents[1]
LAB = (sys.executable, "-m", "homelab.lab")
END = 5.0  # seconds that a lab may take to end; it needs less than one


class Lease:
    """Looks for a lab, or starts one, while the caller does something else; `socket` waits for it.

    `tell` gets the lines in which a lab that must be built first says how far it is. A lab of our own is known
    to nobody else, but `here`: then it is this checkout's, and what is typed in any terminal is about it.
    """

    def __init__(
        self,
        topology: Path | None = None,
        tell: Callable[[str], None] = lambda line: None,
        here: bool = False,
    ) -> None:
        self.own, self._here = False, here
        self._tell = tell
        self._topology = topology
        self._process: subprocess.Popen[str] | None = None
        self._socket = ""
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._find, daemon=True)
        self._thread.start()

    def socket(self) -> str:
        """The path of the lab's socket, once it answers.

        Raises:
            PrerequisiteMissing: this machine cannot have a lab.
            LabError: the lab did not come up, or the one that was named does not answer.
        """
        self._thread.join()
        if self._error:
            raise self._error
        return self._socket

    def close(self) -> None:
        """End the lab, if it is our own."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is None:
            return
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(END)
        except subprocess.TimeoutExpired:  # it is building, and does not listen: end the compilers too
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _find(self) -> None:
        try:
            self._socket = kept() or self._started()
        except Exception as error:  # it belongs to whoever asks for the socket
            self._error = error

    def _started(self) -> str:
        more = ["--topology", str(self._topology)] if self._topology else []
        more += ["--here"] if self._here else []
        with self._lock:
            if self._closed:
                raise LabError("it was closed before its lab was started")
            process = subprocess.Popen(
                [*LAB, "up", "--lease", *more],
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for us: we end it when all is put in order
            )
            self._process, self.own = process, True
        assert process.stdout is not None
        assert process.stderr is not None
        said: list[str] = []
        listener = threading.Thread(target=self._listen, args=(process.stderr, said), daemon=True)
        listener.start()
        line = process.stdout.readline()
        event = json.loads(line) if line.startswith("{") else {}
        if "socket" in event:
            return str(event["socket"])
        if problem := event.get("error"):
            raise LabError(f"the lab did not come up: {problem['what']}", problem["where"], problem["hint"])
        rc = process.wait()
        listener.join()
        kind = PrerequisiteMissing if rc == EXIT_NOT_STARTED else LabError
        what = "\n".join(said[-12:]) or f"it ended with status {rc} and said nothing"
        raise kind(f"the lab did not come up:\n{what}", "", "./runbook lab up shows all of it")

    def _listen(self, pipe: IO[str], said: list[str]) -> None:
        """Keep what the lab says; it goes on saying things while it runs, and must never block on us."""
        for line in pipe:
            said.append(line.rstrip())
            del said[:-50]
            if not self._socket:
                self._tell(said[-1])


def kept() -> str:
    """The socket of the lab that is up already: the one in ``$HOMELAB_LAB``, else this checkout's; or nothing.

    Raises:
        PrerequisiteMissing: the one that was named does not answer, or another version's is there.
    """
    if told := os.environ.get("HOMELAB_LAB", ""):
        try:
            labsocket.request(told, op="status")
        except LabError as error:
            raise PrerequisiteMissing(
                "HOMELAB_LAB names a lab that does not answer",
                told,
                "unset it: then a lab is found or started",
            ) from error
        return told
    found = subprocess.run(
        [*LAB, "status", "--json"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode == EXIT_NOT_STARTED:  # a lab of our own would leave the reader with two
        what, _, hint = found.stderr.strip().partition("\nHint: ")
        raise PrerequisiteMissing(what, hint=hint)
    return str(json.loads(found.stdout)["socket"]) if found.returncode == 0 else ""
