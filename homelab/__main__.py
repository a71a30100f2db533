"""``python -m homelab``: what `./runbook` starts."""

from __future__ import annotations

import sys

from homelab.runner.broken_pipe import endure
from homelab.runner.cli import main

if __name__ == "__main__":
    endure()
    sys.exit(main(sys.argv[1:]))
