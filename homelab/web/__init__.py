"""HTTP, and plain TCP, as a machine sees it: names are resolved there, connections start there.

In the lab a session's sockets are made inside the machine, at home they come through its SSH connection; the
machine that we run on needs no detour.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from homelab.errors import LabError, LabGone, NoAnswer
from homelab.lab_machine import LabMachine
from homelab.machine import Machine
from homelab.ssh.machine import SshMachine
from homelab.ssh.mux import Refused

if TYPE_CHECKING:
    import requests

# Debian and what comes of it, Alpine and Arch too; Fedora and Red Hat; openSUSE.
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
TIMEOUT = 10.0  # seconds, to connect and between two pieces of an answer


def session(machine: Machine) -> requests.Session:
    """A session whose requests come from `machine`, and which trusts the TLS that the machine trusts.

    It takes ``http(s)://name:port``, waits 10 s unless told otherwise, and heeds no proxy of the environment.
    Where nobody answers it raises `NoAnswer`; an answer of 400 and above is an answer.
    """
    # Libraries that a stage need not import before its first request.
    from homelab.web.adapter import Adapter, Session

    made = Session(machine.name, TIMEOUT, partial(trusted_by, machine))
    if isinstance(machine, LabMachine | SshMachine):
        adapter = Adapter(partial(dial, machine))
        for scheme in ("http://", "https://"):
            made.mount(scheme, adapter)
    return made


def trusted_by(machine: Machine) -> str:
    """The file with the certificates of whom `machine` trusts; empty: it has none that we know.

    Of a machine over SSH it is a copy, made when it is first asked for.

    Raises:
        HomelabError: the machine cannot be reached.
    """
    if isinstance(machine, LabMachine):
        return machine.ca
    if isinstance(machine, SshMachine):
        return machine.trusts(BUNDLES)
    return next((path for path in BUNDLES if Path(path).is_file()), "")


def dial(machine: Machine, host: str, port: int, timeout: float | None = TIMEOUT) -> socket.socket:
    """A TCP connection from `machine` to `host`, for protocols other than HTTP. `timeout` in seconds.

    Raises:
        NoAnswer: the name is not known there, or nobody accepts.
    """
    if isinstance(machine, LabMachine):
        return _dial_from(machine, host, port, timeout)
    try:
        if isinstance(machine, SshMachine):
            return machine.dial(host, port, timeout)
        return socket.create_connection((host, port), timeout)
    except (OSError, Refused) as error:
        raise silent(f"{host}:{port}", reason_of(error), machine.name) from error


def _dial_from(machine: LabMachine, host: str, port: int, timeout: float | None = TIMEOUT) -> socket.socket:
    said = "it has no IPv4 address"
    for address in _addresses(machine, host):
        made = machine.socket()
        try:
            made.settimeout(timeout)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect((address, port))
        except OSError as error:
            made.close()
            said = reason_of(error)
        else:
            return made
    raise silent(f"{host}:{port}", said, machine.name)


def _addresses(machine: LabMachine, host: str) -> list[str]:
    try:
        return [str(ipaddress.IPv4Address(host))]
    except ValueError:
        pass
    try:
        return [a for a in machine.resolve(host) if ":" not in a]
    except LabGone:
        raise
    except LabError as error:
        raise NoAnswer(error.what, machine.name, error.hint) from error


def reason_of(error: BaseException) -> str:
    """Why a connection failed, in the system's words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)


def silent(address: str, reason: str, where: str) -> NoAnswer:
    """The error that says that nobody answers at `address`, and why."""
    hints = {
        "Connection refused": "does the service run, and on this port?",
        "no answer in time": "is there a way from here to there, and does a firewall drop it?",
    }
    return NoAnswer(f"nobody answers at {address}: {reason}", where, hints.get(reason, ""))
