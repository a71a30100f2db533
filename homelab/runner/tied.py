"""``python -m homelab.runner.tied SIGNAL MODULE …``: run a module that never outlives who started it.

ipykernel's own parent poller gives up where the runner dies before the poller has started, and where
orphans go to a subreaper instead of pid 1; the kernel of Linux itself knows better.
"""

from __future__ import annotations

import ctypes
import os
import resource
import runpy
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
PARENT = "HOMELAB_TIED_TO"


def command(death: signal.Signals, module: str, *arguments: str) -> list[str]:
    """The command that runs `module`, with `death` sent to it when the thread that starts it ends."""
    return [sys.executable, "-P", "-m", __name__, str(int(death)), module, *arguments]


def environment() -> dict[str, str]:
    """What such a command needs in its environment."""
    return {PARENT: str(os.getpid())}


def main(argv: Sequence[str]) -> None:
    """Tie this process to its parent's life, then become the module."""
    death, module, *arguments = argv
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death), 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not leave its memory, secrets and all
    if os.getppid() != int(os.environ.pop(PARENT)):
        sys.exit(1)  # it was gone before the line above
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
