"""Kernels of a run: started before they are needed, each with a private folder, all gone at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from homelab import secret_wire
from homelab.runner import tied
from homelab.secret import conceal, mask

GRACE = 1.0  # seconds that an interrupted cell gets to put things in order
QUIET = {
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else debugpy warns into the middle of our output
    "PYTHONUNBUFFERED": "1",
}

# What programs keep for their next start goes into `.venv`, and not into the reader's home.
KEPT = Path(sys.prefix) / "var"


class _Specs(KernelSpecManager):
    """Always this Python with our entry, whatever kernels the reader has registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = tied.command(signal.SIGKILL, "ipykernel_launcher", "-f", "{connection_file}")
        return KernelSpec(argv=argv, display_name="Python 3", language="python", interrupt_mode="signal")


@dataclass
class Kernel:
    """A kernel process, the folder with its connection file and sockets, and what it said last.

    That is kept in memory: a crash may print anything, and nobody would mask a file.
    """

    manager: Any
    folder: Path
    ear: secret_wire.Ear
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    words: threading.Thread = field(default_factory=threading.Thread)

    def hear(self, pipe: int) -> None:
        """Keep the last lines that come through `pipe`, until it is closed."""

        def read() -> None:
            with os.fdopen(pipe, encoding="utf-8", errors="replace") as file:
                self.lines.extend(line.strip() for line in file if line.strip())

        self.words = threading.Thread(target=read, daemon=True, name="kernel's words")
        self.words.start()

    def said(self) -> str:
        """The last line that the process itself printed (not its cells), masked."""
        self.words.join(GRACE)
        return mask(self.lines[-1]) if self.lines else ""

    def interrupt(self) -> None:
        """Raise `KeyboardInterrupt` in the running cell, as its code may want to put things in order."""
        with contextlib.suppress(Exception):  # it may be gone already, which is what we want
            run_sync(self.manager.interrupt_kernel)()
            self.manager.provisioner.process.wait(GRACE)

    def stop(self) -> None:
        """End the process and all it started in its process group, now."""
        provisioner = self.manager.provisioner
        process = provisioner.process if provisioner else None
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.ear.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Kernels:
    """The kernels of one run; `environment` is what all of them get."""

    environment: Mapping[str, str]
    cwd: Path
    _ready: Kernel | None = None
    _all: list[Kernel] = field(default_factory=list)

    def prepare(self) -> None:
        """Start the next kernel; it gets ready while something else runs."""
        if self._ready is None:
            self._ready = self._start()

    def take(self) -> Kernel:
        """The prepared kernel, or a new one."""
        self.prepare()
        kernel, self._ready = self._ready, None
        assert kernel is not None
        return kernel

    def release(self, kernel: Kernel) -> None:
        """End `kernel`."""
        kernel.stop()
        self._all.remove(kernel)

    def close(self) -> None:
        """End all that are left."""
        for kernel in list(self._all):
            self.release(kernel)
        self._ready = None

    def _start(self) -> Kernel:
        folder = _private_folder()
        manager = AsyncKernelManager(
            kernel_name="python3",
            transport="ipc",
            connection_file=str(folder / "k.json"),  # without its own, every ipc kernel is ./kernel-ipc-N
            kernel_spec_manager=_Specs(),
        )
        kernel = Kernel(manager, folder, secret_wire.Ear(folder / "secrets", conceal))
        self._all.append(kernel)
        pipe, log = os.pipe()
        kernel.hear(pipe)
        try:
            run_sync(manager.start_kernel)(
                cwd=str(self.cwd),
                env={
                    **os.environ,
                    **QUIET,
                    **tied.environment(),
                    secret_wire.ADDRESS: str(folder / "secrets"),
                    "IPYTHONDIR": str(folder / "ipython"),  # nobody's startup files, nobody's history
                    "MPLCONFIGDIR": str(KEPT / "matplotlib"),
                    **self.environment,
                },
                stdout=log,
                stderr=log,
                extra_arguments=["--HistoryManager.enabled=False"],
            )
        finally:
            os.close(log)
        return kernel


def _private_folder() -> Path:
    """A short private folder for sockets; folders of runners that were killed are swept."""
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    if not os.access(base, os.W_OK):
        base = Path(tempfile.gettempdir())
    prefix = f"homelab-{os.getuid()}-"
    for old in base.glob(f"{prefix}*-*"):
        pid = old.name.removeprefix(prefix).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists() and old.stat().st_uid == os.getuid():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=base))
