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
    notebook = stages.notebook(stages.find(stage)).name if stage else ""
    with contextlib.closing(Lease(tell=lambda line: print(line, file=sys.stderr, flush=True))) as lab:
        try:
            with interruptible():
                socket = lab.socket()
                print(
                    "A lab of its own, until JupyterLab ends." if lab.own else "In the lab that is up.",
                    flush=True,
                )
                return _jupyter(notebook, {"HOMELAB_LAB": socket})
        except Interrupted:
            return EXIT_INTERRUPTED


def arguments(notebook: str) -> list[str]:
    """What JupyterLab is started with: on the loopback only, behind its token, at `notebook`."""
    words = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={stages.NOTEBOOKS.parent}"]
    if os.getuid() == 0:
        words.append("--allow-root")
    return [*words, f"--LabApp.default_url=/lab/tree/{stages.NOTEBOOKS.name}/{notebook}"]


def _jupyter(notebook: str, environment: dict[str, str]) -> int:
    process = subprocess.Popen(
        tied.command(signal.SIGTERM, "jupyterlab", *arguments(notebook)),
        env={**os.environ, **tied.environment(), **environment},
        stdin=subprocess.DEVNULL,  # or it would ask on Ctrl-C whether we mean it
        start_new_session=True,
    )
    try:
        return process.wait()
    except Interrupted:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END)
        process.kill()
        process.wait()
        raise
