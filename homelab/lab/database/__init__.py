"""A database in a machine: the files that make it there, and the daemon that they are for."""

from __future__ import annotations

from pathlib import Path

SCRIPT, CONTENT = "/opt/database.sh", "/opt/database.sql"
ARGV = ["sh", SCRIPT]
_HERE = Path(__file__).parent


def files() -> dict[str, str]:
    """What a machine with a database is given, by path."""
    return {SCRIPT: (_HERE / "start.sh").read_text(), CONTENT: (_HERE / "films.sql").read_text()}
