"""SQL as a machine sees it: ``psql`` on that machine, with the password file that its user has.

No secret passes through here: where a database wants a password, psql takes it from ``~/.pgpass``
or from ``PGPASSWORD``, as it does for a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from homelab.errors import CommandFailed, NoAnswer, PrerequisiteMissing
from homelab.machine import Machine

PORT = 5432
SECONDS = 5.0  # that a server may take to answer
SEPARATOR = "\x1f"
# What psql says where it gets no connection, as opposed to a query that is refused.
_SILENT = re.compile(r"could not|connection to server at .* failed|timeout expired|is starting up")


@dataclass(frozen=True)
class Database:
    """Where a database is: the `host`, by name or address, and who asks for which."""

    host: str
    name: str = "films"
    user: str = "reader"
    port: int = PORT


def command(database: Database, sql: str, *options: str) -> list[str]:
    """What a person types to ask `database` for `sql`."""
    where = ["-h", database.host, "-U", database.user, "-d", database.name]
    port = [] if database.port == PORT else ["-p", str(database.port)]
    return ["psql", *where, *port, *options, "-c", sql]


def query(machine: Machine, database: Database, sql: str, seconds: float = SECONDS) -> list[tuple[str, ...]]:
    """The rows that `sql` gives `machine`, as texts. `seconds` bounds the wait for a connection.

    Raises:
        PrerequisiteMissing: there is no psql on that machine.
        NoAnswer: the name is unknown, or nobody answers.
        CommandFailed: the server refuses the query.
    """
    argv = command(database, sql, "-AtX", "-F", SEPARATOR)
    # psql itself knows no wait shorter than 2 s.
    done = machine.run(
        ["timeout", f"{seconds:g}", *argv], env={"PGCONNECT_TIMEOUT": "0"}, timeout=seconds + 30
    )
    if done.rc in (126, 127) and "psql" in done.err:
        raise PrerequisiteMissing(
            "psql is not installed", machine.name, "sudo apt-get install postgresql-client"
        )
    if done.rc == 124:
        raise NoAnswer(f"{database.host}:{database.port} did not answer within {seconds:g} s", machine.name)
    if not done and _SILENT.search(done.err):
        said = done.err.strip().splitlines()[0].removeprefix("psql: error: ")
        raise NoAnswer(said, machine.name)
    if not done:
        raise CommandFailed(argv, done.rc, done.out, done.err, machine.name)
    return [tuple(line.split(SEPARATOR)) for line in done.out.splitlines()]
