"""The Docker engine of a machine that is reached over SSH: its socket, through the same connection."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from homelab.engine import SOCKET, diagnose, forbidden
from homelab.errors import EngineError
from homelab.ssh.machine import SshMachine

# The engine that the `docker` command there speaks to, and whether this user, as they are signed in, may.
LOOK = r"""
h=$DOCKER_HOST
[ -n "$h" ] || h=$(docker context inspect -f '{{.Endpoints.docker.Host}}' 2>/dev/null)
[ -n "$h" ] || h=unix://$1
echo "$h"
p=${h#unix://}
[ -S "$p" ] && [ ! -w "$p" ] && echo denied
id -nG "$(id -un)" | tr ' ' '\n' | grep -qx docker && ! id -nG | tr ' ' '\n' | grep -qx docker && echo new
:
"""


class EngineOverSsh:
    """Connections to the engine of `machine`; which one that is, is asked once."""

    def __init__(self, machine: SshMachine) -> None:
        self._machine, self._address = machine, ""

    def dial(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """See `homelab.web.adapter.Dial`.

        Raises:
            EngineError: this user may not, or the engine is where we cannot go.
            SshError: the machine cannot be reached.
        """
        self._address = self._address or self._found()
        found = urlsplit(self._address)
        if found.scheme == "unix":
            made = self._machine.unix(found.path)
            made.settimeout(timeout)
            return made
        if found.scheme != "tcp" or not found.hostname:
            raise EngineError(
                "other",
                f"its docker command speaks to {self._address}",
                self._machine.name,
                "name that machine in the params file instead",
            )
        return self._machine.dial(found.hostname, found.port or 2375, timeout)

    def _found(self) -> str:
        look = ["sh", "-c", LOOK, "sh", SOCKET]
        address, *more = self._machine.run(look).ok().out.splitlines()
        if "denied" in more and "new" in more:  # in the group only since we signed in
            self._machine.sign_in_again()
            address, *more = self._machine.run(look).ok().out.splitlines()
        if "denied" in more:
            raise forbidden(self._machine)
        return address

    def unanswered(self) -> EngineError:
        """Why there is no engine behind the connection."""
        self._address = ""
        return diagnose(self._machine)
