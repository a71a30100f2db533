"""A Minecraft server as the game's list of servers shows it."""

from __future__ import annotations

from homelab import web
from homelab.check import Answer, check
from homelab.clients.minecraft import Status, status
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wait import until

PORT = 25565
SLOW = 120.0  # seconds: a new world is made at the first start


@check
def is_in_the_list(machine: Machine, host: str, port: int = PORT, seconds: float = SLOW) -> Answer:
    """Does the server say who it is and who plays? Waits while it starts."""

    def look() -> Status | str:
        try:
            with web.dial(machine, host, port) as connection:
                return status(connection, host, port)
        except HomelabError as error:
            return error.what

    found = until(look, lambda seen: isinstance(seen, Status), f"{host} to say who it is", seconds, where=machine.name, hint="docker compose logs minecraft", every=0.5)  # fmt: skip
    assert isinstance(found, Status)
    motto = " ".join(found.motto.split())
    evidence = f"{host}: {found.version}, {found.online} of {found.most} play, “{motto}”"
    return Answer("is in the list of servers", machine.name, "ok", evidence)
