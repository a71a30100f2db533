"""``python -m homelab``: what `./runbook` starts."""

from __future__ import annotations

import sys

from homelab.runner.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
