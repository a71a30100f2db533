"""A broker as a sensor, a lamp, and a stranger meet it."""

from __future__ import annotations

import secrets

from homelab.check import Answer, check
from homelab.clients.mqtt import PORT, REFUSED, link
from homelab.errors import HomelabError
from homelab.machine import Machine

TOPIC = "homelab/runbook"


@check
def carries_a_message(machine: Machine, host: str, user: str, password: str, port: int = PORT) -> Answer:
    """Does a message that is published come to whoever subscribes? `password` is the password itself, masked."""
    word = secrets.token_hex(4).encode()
    with link(machine, host, port, user, password) as broker:
        broker.subscribe(TOPIC)
        broker.publish(TOPIC, word)
        broker.wait(TOPIC, word)
    return Answer(
        "carries a message", machine.name, "ok", f"{TOPIC} at {host}:{port}: {word.decode()} came back"
    )


@check
def refuses_strangers(
    machine: Machine, host: str, user: str = "", password: str = "", port: int = PORT
) -> Answer:
    """Is somebody turned away who has no name, or (with `user`) a wrong password?"""
    name = f"refuses {user + ' with a wrong password' if user else 'a stranger'}"
    try:
        with link(machine, host, port, user, password):
            pass
    except HomelabError as error:
        if REFUSED not in error.what:
            raise
        return Answer(name, machine.name, "ok", error.what)
    return Answer(name, machine.name, "fail", f"{host}:{port} lets in whoever comes", "allow_anonymous false")
