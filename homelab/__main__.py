"""``python -m homelab``: what `./runbook` starts."""

from __future__ import annotations

import os
import signal
import sys


def _leave(number: int, frame: object) -> None:
    """Libraries that are being loaded do not take an exception well."""
    os.write(2, b"Interrupted, before anything was started.\n")
    os._exit(130)


if __name__ == "__main__":
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else somebody wants it ignored
        signal.signal(signal.SIGINT, _leave)
    from homelab.runner.broken_pipe import endure
    from homelab.runner.cli import main

    signal.signal(signal.SIGINT, before)
    endure()
    sys.exit(main(sys.argv[1:]))
