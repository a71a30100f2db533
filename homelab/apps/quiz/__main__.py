"""``python3 -m quiz --port 3000 --state FOLDER``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from .game import Game
from .questions import QUESTIONS
from .server import Server


def main() -> int:
    """Serve until told to stop; 1 where the port or the folder cannot be had."""
    asked = argparse.ArgumentParser(prog="quiz", description="Questions about the talk.")
    asked.add_argument("--address", default="0.0.0.0")
    asked.add_argument("--port", type=int, default=3000)
    asked.add_argument("--state", type=Path, default=Path("state"), help="the folder that remembers")
    given = asked.parse_args()
    try:
        server = Server((given.address, given.port), Game(given.state))
    except (OSError, OverflowError) as error:
        print(f"quiz: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"quiz: {len(QUESTIONS)} questions on port {server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
