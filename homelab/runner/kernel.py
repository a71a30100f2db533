"""What a kernel of a run is started as: an ipykernel that never outlives its runner.

ipykernel's own parent poller gives up where the runner dies before the poller starts, and where
orphans go to a subreaper instead of pid 1; the kernel of Linux itself knows better.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to the runner's life, then become an ipykernel."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(os.environ["JPY_PARENT_PID"]):
        sys.exit(1)  # the runner was gone before the line above
    if sys.path[0] == os.getcwd():  # noqa: PTH109 - compared with what Python put there
        del sys.path[0]  # files beside the notebooks must not shadow what ipykernel imports
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
