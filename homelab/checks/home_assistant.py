"""Home Assistant as its household uses it."""

from __future__ import annotations

from homelab import web
from homelab.check import Answer, check
from homelab.clients.home_assistant import HomeAssistant
from homelab.machine import Machine
from homelab.secret import Secret


@check
def keeps_a_state(
    machine: Machine,
    url: str,
    username: str,
    password: str,
    entity: str = "sensor.runbook",
    state: str = "21.5",
) -> Answer:
    """Onboard it if nobody has yet, log in, say what a sensor measures, and read it back. `password` is a reference."""
    home = HomeAssistant(web.session(machine), url)
    secret = Secret.parse(password).reveal()
    first = home.onboard(username.capitalize(), username, secret)
    if not first:
        home.log_in(username, secret)
    home.set_state(entity, state, unit_of_measurement="°C", friendly_name="Living room")
    seen = home.state(entity)
    home.forget(entity)
    done = "onboarded" if first else "logged in"
    evidence = f"Home Assistant {home.version()}, {done} as {username}; {entity}: {seen}"
    return Answer("keeps a state", machine.name, "ok" if seen == state else "fail", evidence)
