"""A session outside a run: a kernel of JupyterLab, or a script. It has an id, as a run has, so that it can be taken back."""

from __future__ import annotations

import functools
import os
import time

PREFIX = "jupyter-"
LATEST = "latest-session"  # what `./runbook undo` takes for the newest


@functools.cache
def name() -> str:
    """The id of this process's session."""
    return f"{PREFIX}{time.strftime('%Y-%m-%d_%H-%M-%S')}-{os.getpid()}"


def is_one(run: str) -> bool:
    """Whether `run` is the id of a session rather than of a run."""
    return run.startswith(PREFIX)
