"""A Minecraft server as the game's list of servers shows it."""

from __future__ import annotations

from homelab import web
from homelab.check import Answer, check
from homelab.machine import Machine
from homelab.minecraft import status

PORT = 25565


@check
def is_in_the_list(machine: Machine, host: str, port: int = PORT) -> Answer:
    """Does the server say who it is and who plays?"""
    with web.dial(machine, host, port) as connection:
        found = status(connection, host, port)
    evidence = f"{host}: {found.version}, {found.online} of {found.most} play, “{found.motto}”"
    return Answer("is in the list of servers", machine.name, "ok", evidence)
