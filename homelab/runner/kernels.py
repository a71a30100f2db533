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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from homelab import secret_wire
from homelab.runner.forks import Provisioner, Warm
from homelab.secret import conceal, mask

GRACE = 1.0  # seconds that an interrupted cell gets to put things in order
# What programs keep for their next start goes into `.venv`, and not into the reader's home.
KEPT = Path(sys.prefix) / "var"
QUIET = {
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else debugpy warns into the middle of our output
    "PYTHONUNBUFFERED": "1",
    "MPLCONFIGDIR": str(KEPT / "matplotlib"),
    # ipykernel's own choice, for a matplotlib that is loaded before it could be made.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


class _Specs(KernelSpecManager):
    """Always a copy of ours, whatever kernels the reader has registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = ["-f", "{connection_file}"]
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
    """The kernels of one run, for `notebooks` in their order; `environment` is what all of them get.

    Where they `only_look`, what machines have `told` one is handed on to the next (`homelab.moment`).
    """

    environment: Mapping[str, str]
    cwd: Path
    notebooks: Sequence[Path]
    only_look: bool = False
    told: str = field(default="", repr=False)
    _ready: Kernel | None = None
    _all: list[Kernel] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._coming, self._one_by_one = iter(self.notebooks), threading.Lock()
        self._warm = Warm({**os.environ, **QUIET, **self.environment})
        if len(self.notebooks) > 1:
            self._warm.load_often()

    def prepare(self) -> None:
        """Start the kernel of the next notebook, with what that imports; it gets ready while something else runs."""
        if self._ready is None:
            if notebook := next(self._coming, None):
                self._warm.load(notebook)
            self._ready = self._start()

    def take(self) -> Kernel:
        """The prepared kernel, or a new one, also where that has ended before it was needed."""
        with self._one_by_one:
            self.prepare()
            kernel, self._ready = self._ready, None
            assert kernel is not None
            if kernel.manager.provisioner.process.poll() is None:
                return kernel
            self.release(kernel)
            return self._start()

    def release(self, kernel: Kernel) -> None:
        """End `kernel`."""
        kernel.stop()
        self._all.remove(kernel)

    def interrupt(self) -> None:
        """Raise `KeyboardInterrupt` in the running cells of all, as `Kernel.interrupt` does, and wait for none."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the processes of all; whoever executes cells in one finds it dead, and releases it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for kernel in list(self._all):
            if provisioner := kernel.manager.provisioner:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(provisioner.pid, number)

    def close(self) -> None:
        """End all that are left."""
        for kernel in list(self._all):
            self.release(kernel)
        self._ready = None
        self._warm.close()

    def _start(self) -> Kernel:
        folder = _private_folder()
        manager = AsyncKernelManager(
            kernel_name="python3",
            transport="ipc",
            connection_file=str(folder / "k.json"),  # without its own, every ipc kernel is ./kernel-ipc-N
            kernel_spec_manager=_Specs(),
        )
        manager.provisioner = Provisioner(
            kernel_id=folder.name, kernel_spec=manager.kernel_spec, parent=manager
        )
        manager.provisioner.parent_process = self._warm
        kernel = Kernel(manager, folder, secret_wire.Ear(folder / "secrets", conceal))
        self._all.append(kernel)
        pipe, log = os.pipe()
        kernel.hear(pipe)
        try:
            run_sync(manager.start_kernel)(
                cwd=str(self.cwd),
                env={
                    secret_wire.ADDRESS: str(folder / "secrets"),
                    "IPYTHONDIR": str(folder / "ipython"),  # nobody's startup files, nobody's history
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
