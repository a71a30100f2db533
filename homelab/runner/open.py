"""``./runbook open``: JupyterLab on the notebooks, with a lab that is up as long as JupyterLab runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from homelab import stages
from homelab.errors import EXIT_INTERRUPTED
from homelab.lab_lease import Lease
from homelab.runner import tied
from homelab.runner.interrupt import Interrupted, interruptible

END = 10.0  # seconds that JupyterLab gets to end its kernels


def open_notebooks(stage: str | None) -> int:
    """Run JupyterLab until it is stopped; returns the exit status.

    Raises:
        ParamsError: no stage is called so.
        PrerequisiteMissing, LabError: there is no lab, and none can be had.
    """
    notebook = stages.notebook(stages.find(stage)) if stage else None
    with contextlib.closing(Lease(tell=lambda line: print(line, file=sys.stderr, flush=True))) as lab:
        try:
            with interruptible():
                socket = lab.socket()
                print(
                    "A lab of its own, until JupyterLab ends." if lab.own else "In the lab that is up.",
                    flush=True,
                )
                return _jupyter(str(notebook or ""), {"HOMELAB_LAB": socket})
        except Interrupted:
            return EXIT_INTERRUPTED


def arguments(notebook: str) -> list[str]:
    """What JupyterLab is started with: on the loopback only, behind its token."""
    words = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={stages.NOTEBOOKS.parent}"]
    if os.getuid() == 0:
        words.append("--allow-root")
    return [*words, notebook or f"--LabApp.default_url=/lab/tree/{stages.NOTEBOOKS.name}"]


def _jupyter(notebook: str, environment: dict[str, str]) -> int:
    process = subprocess.Popen(
        tied.command(signal.SIGTERM, "jupyterlab", *arguments(notebook)),
        env={**os.environ, **tied.environment(), **environment},
        start_new_session=not sys.stdin.isatty(),  # at a terminal JupyterLab asks before it stops: that is its to do
    )
    try:
        return process.wait()
    except Interrupted:
        with contextlib.suppress(subprocess.TimeoutExpired, Interrupted):
            process.wait(0.5 if sys.stdin.isatty() else 0)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END)
        process.kill()
        raise
