"""A service as a device of the tailnet: does it answer under its name, and with a certificate of its own?"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import cast

from homelab import web
from homelab.check import Answer, check
from homelab.errors import HomelabError, NoAnswer
from homelab.machine import Machine
from homelab.resources import project
from homelab.resources.tailscale_status import status
from homelab.services import Service
from homelab.vantage import Nobody
from homelab.wait import until

SLOW = 90.0  # seconds: a first certificate takes up to a minute outside the lab
LOOK = "docker compose logs tailscale, in the service's folder"
DAY = 86_400
Names = tuple[tuple[tuple[str, str], ...], ...]  # as the module ssl gives a certificate's issuer


def address(machine: Machine, device: str) -> str:
    """The full name of `device` in the tailnet that `machine` is in.

    Raises:
        HomelabError: the machine is in no tailnet, or it has no name.
    """
    if isinstance(machine, Nobody):
        return device  # whoever asks from there is answered *skip*
    suffix = str(status(machine).get("MagicDNSSuffix") or "")
    if not suffix:
        raise HomelabError("it is in no tailnet that has a name", machine.name, "tailscale status")
    return f"{device}.{suffix}"


def url(machine: Machine, service: Service) -> str:
    """Where the service's page is: HTTPS at the device's name.

    Raises:
        HomelabError: see `address`.
    """
    return f"https://{address(machine, service.device)}"


@check
def answers(machine: Machine, service: Service, seconds: float = SLOW) -> Answer:
    """Does the device answer its health question? Waits while it starts, or its certificate is made."""
    health, host = service.facts.health, address(machine, service.device)
    name = f"{service.device} answers"

    def look() -> tuple[bool, str]:
        try:
            if health.tcp:
                web.dial(machine, host, health.tcp, 3.0).close()
                return True, f"{host}:{health.tcp} connects"
            got = web.session(machine).get(f"https://{host}{health.path}", timeout=SLOW)
        except NoAnswer as error:
            return False, error.what
        return got.status_code == 200, f"https://{host}{health.path}: {got.status_code}"

    good, evidence = until(
        look, lambda seen: seen[0], f"{host} to answer", seconds, where=machine.name, hint=LOOK
    )
    return Answer(name, machine.name, "ok" if good else "fail", evidence)


@check
def has_certificate(machine: Machine, device: str, port: int = 443) -> Answer:
    """Does the device show a certificate for its own name that `machine` trusts, and for how long still?"""
    host = address(machine, device)
    name = f"{device} has a certificate"
    trusted = ssl.create_default_context(cafile=web.trusted_by(machine) or None)
    try:
        with (
            web.dial(machine, host, port) as plain,
            trusted.wrap_socket(plain, server_hostname=host) as secured,
        ):
            found = secured.getpeercert() or {}
    except (ssl.SSLError, TimeoutError) as error:
        said = getattr(error, "verify_message", "") or str(error)
        return Answer(name, machine.name, "fail", f"{host}: {said}", "is HTTPS switched on for the tailnet?")
    issuer = dict(pair for part in cast("Names", found.get("issuer", ())) for pair in part)
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)
    days = (ends - datetime.now(UTC)).total_seconds() / DAY
    by = issuer.get("organizationName") or issuer.get("commonName") or "somebody"
    return Answer(
        name, machine.name, "ok" if days > 1 else "warn", f"for {host}, by {by}, {days:.0f} days left"
    )


@check
def lives_with_its_sidecar(machine: Machine, at: str) -> Answer:
    """Does every service of the Compose project in the folder `at` live in the network of a sidecar that is there?

    Where the sidecar alone was made anew, its services run on in the network of the old one: reached by nobody.
    """
    now = project.read(machine, at)
    pairs = [shared.partition("=")[::2] for shared in now.shares]
    alone = sorted(service for service, sidecar in pairs if sidecar == project.GONE)
    name = f"{now.name or at} lives with its sidecar"
    if alone:
        said = f"{', '.join(alone)}: in the network of a container that is no more"
        again = f"docker compose up -d --force-recreate {' '.join(alone)}, in {at}"
        return Answer(name, machine.name, "fail", said, again)
    if not now.running:
        return Answer(name, machine.name, "fail", f"nothing of it runs in {at}", "04_services starts it")
    evidence = ", ".join(f"{service} in {sidecar}'s network" for service, sidecar in pairs)
    return Answer(name, machine.name, "ok", evidence or f"{', '.join(now.running)}: a network of its own")


@check
def private(machine: Machine, device: str, inside: Machine) -> Answer:
    """Is the name of `device`, as the machine `inside` the tailnet knows it, unknown where there is no tailnet?"""
    host, name = address(inside, device), f"cannot open {device}"
    try:
        web.dial(machine, host, 443, 3.0).close()
    except NoAnswer as error:
        return Answer(name, machine.name, "ok", error.what)
    return Answer(name, machine.name, "fail", f"{host} connects")
