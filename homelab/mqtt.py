"""MQTT as a machine sees it: paho's client over a connection that starts there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homelab import web
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wait import until

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PORT = 1883
SECONDS = 5.0  # that a broker may take to answer
REFUSED = "the broker refuses"


@dataclass
class Link:
    """A connection to a broker: what came in, by topic, oldest first."""

    client: Client
    where: str
    came: list[tuple[str, bytes]] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Send a message, and wait until the broker has it.

        Raises:
            HomelabError: it does not confirm.
        """
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        try:
            sent.wait_for_publish(SECONDS)
        except (ValueError, RuntimeError) as error:
            raise HomelabError(f"the message cannot be sent: {error}", self.where) from error
        if not sent.is_published():
            raise HomelabError(f"the broker does not confirm a message to {topic}", self.where)

    def wait(self, topic: str, payload: bytes) -> None:
        """Wait for a message.

        Raises:
            WaitTimeout: it does not come.
        """
        until(
            lambda: list(self.came),
            lambda seen: (topic, payload) in seen,
            f"the message on {topic}",
            SECONDS,
            where=self.where,
            hint="may this user read that topic?",
        )


@contextmanager
def link(
    machine: Machine, host: str, port: int = PORT, user: str = "", password: str = "", topic: str = ""
) -> Iterator[Link]:
    """A connection of `machine` with the broker at `host`, subscribed to `topic` if there is one.

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

    where = f"{machine.name}, {host}:{port}"
    client = From(CallbackAPIVersion.VERSION2, client_id=f"runbook-{machine.name}")
    if user:
        client.username_pw_set(user, password)
    made, answered, ready = Link(client, where), threading.Event(), threading.Event()
    said: list[Any] = []

    def on_connect(_: Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        said.append(reason)
        answered.set()

    client.on_connect = on_connect
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _, __, message: made.came.append((message.topic, bytes(message.payload)))
    client.connect(host, port)
    client.loop_start()
    try:
        if not answered.wait(SECONDS):
            raise HomelabError("the broker says nothing", where, "is it MQTT that listens there?")
        if said[0].is_failure:
            raise HomelabError(f"{REFUSED}: {said[0]}", where, "are user and password right?")
        if topic:
            client.subscribe(topic, qos=1)
            if not ready.wait(SECONDS):
                raise HomelabError(f"the broker does not confirm the subscription to {topic}", where)
        yield made
    finally:
        client.disconnect()
        client.loop_stop()
