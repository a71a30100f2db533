"""MQTT as a machine sees it: paho's client over a connection that starts there."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homelab import web
from homelab.errors import HomelabError, WaitTimeout
from homelab.machine import Machine

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PORT = 1883
SECONDS = 5.0  # that a broker may take to answer
REFUSED = "the broker refuses"


@dataclass
class Link:
    """A connection to a broker: what came in, as (topic, payload), oldest first."""

    client: Client
    where: str
    came: list[tuple[str, bytes]] = field(default_factory=list)

    def subscribe(self, topic: str) -> None:
        """Ask for what is sent to `topic` from now on.

        Raises:
            WaitTimeout: the broker does not confirm.
        """
        done: list[bool] = []
        self.client.on_subscribe = lambda *_: done.append(True)
        self.client.subscribe(topic, qos=1)
        self.until(lambda: bool(done), f"the broker to confirm a subscription to {topic}")

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Send a message, and wait until the broker has it.

        Raises:
            WaitTimeout: it does not confirm.
        """
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        self.until(sent.is_published, f"the broker to confirm a message to {topic}")

    def wait(self, topic: str, payload: bytes) -> None:
        """Wait for a message.

        Raises:
            WaitTimeout: it does not come.
        """
        self.until(lambda: (topic, payload) in self.came, f"the message on {topic}")

    def until(self, holds: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        """Read and write until `holds`, for at most `seconds`.

        Raises:
            WaitTimeout: it does not.
        """
        start = time.monotonic()
        while not holds():
            if time.monotonic() - start > seconds:
                raise WaitTimeout(what, seconds, f"{len(self.came)} messages", "is it MQTT that listens there?", self.where)  # fmt: skip
            self.client.loop(0.05)


@contextmanager
def link(machine: Machine, host: str, port: int = PORT, user: str = "", password: str = "") -> Iterator[Link]:
    """A connection of `machine` with the broker at `host`.

    Raises:
        NoAnswer: nobody listens there.
        HomelabError: the broker refuses user and password, or says nothing.
    """
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    class From(Client):
        """paho's client, whose connection starts at `machine`: this method is the one place where it dials."""

        def _create_socket_connection(self) -> socket.socket:
            return web.dial(machine, host, port)

    client = From(CallbackAPIVersion.VERSION2, client_id=f"runbook-{machine.name}")
    if user:
        client.username_pw_set(user, password)
    made, said = Link(client, f"{machine.name}, {host}:{port}"), list[Any]()
    client.on_connect = lambda _, __, ___, reason, ____: said.append(reason)
    client.on_message = lambda _, __, message: made.came.append((message.topic, bytes(message.payload)))
    client.connect(host, port)
    try:
        made.until(lambda: bool(said), "the broker to answer")
        if said[0].is_failure:
            raise HomelabError(f"{REFUSED}: {said[0]}", made.where, "are user and password right?")
        yield made
    finally:
        client.disconnect()
