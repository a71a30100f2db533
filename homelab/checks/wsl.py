"""WSL under Windows: does it live on, does Windows lead to it, and do others in the home get in?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import date

from homelab.check import Answer, check
from homelab.errors import WaitTimeout
from homelab.machine import Machine
from homelab.resources import firewall_rule, portproxy
from homelab.wait import until
from homelab.wsl import facts, interop, parsers, powershell, releases, where

CLOSED = 120.0  # seconds after the last terminal was closed: WSL's own time-outs are 15 and 60 s
DOMAIN = "Domain"  # the network is called DomainAuthenticated, the rule's profile Domain
PROBE = 4  # seconds that a connection may take
BLOCKED = "another firewall (of an antivirus, or of a company) may have taken over: ask it to let TCP {0} in"


@check
def is_wsl(machine: Machine, found: facts.Facts) -> Answer:
    """Do we run in WSL 2?"""
    verdict = found.where
    status = {where.WSL2: "ok", where.WSL1: "warn"}.get(verdict.kind, "skip")
    return Answer("is WSL 2", machine.name, status, str(verdict), "wsl --set-version NAME 2")


@check
def windows_is_mended(machine: Machine, found: facts.Facts, today: date) -> Answer:
    """Does this Windows still get security updates?"""
    if isinstance(found.windows, interop.Unknown):
        return Answer("windows is mended", machine.name, "skip", str(found.windows), found.windows.hint)
    good, said = releases.supported(found.windows, today)
    status = "ok" if good else "warn"
    return Answer("windows is mended", machine.name, status, said, "update it, or keep it off the internet")


@check
def runs_on(machine: Machine, distribution: str, seconds: float = CLOSED, speed: float = 1.0) -> Answer:
    """Does the distribution still run, `seconds` after its last terminal was closed?

    Asked of Windows, from elsewhere than that distribution: who asks from inside keeps it alive.
    `speed` is how many times as fast that Windows counts idle time, as the lab's can.
    """
    runs, said = _left_alone(machine, distribution, seconds, speed)
    hint = "instanceIdleTimeout=-1, or the task at logon"
    return Answer("runs on without a terminal", machine.name, "ok" if runs else "fail", said, hint)


@check
def stops_alone(machine: Machine, distribution: str, seconds: float = CLOSED, speed: float = 1.0) -> Answer:
    """Is the distribution stopped within `seconds`, when its last terminal is closed? As `runs_on`, the other way round."""
    runs, said = _left_alone(machine, distribution, seconds, speed)
    hint = "somebody waits for a command in it, or a setting keeps it"
    return Answer("stops without a terminal", machine.name, "fail" if runs else "ok", said, hint)


def _left_alone(machine: Machine, distribution: str, seconds: float, speed: float) -> tuple[bool, str]:
    """Whether it runs to the end of that time, and what was seen."""
    here = seconds / speed
    clock = f" (a clock {speed:g} times as fast: {here:.2g} s here)" if speed != 1 else ""

    def state() -> str:
        said = interop.call(machine, "wsl.exe", "--list", "--verbose").ok().out
        return next((d.state for d in parsers.distributions(said) if d.name == distribution), "not there")

    started = time.monotonic()
    if (now := state()) == "Running":
        with contextlib.suppress(WaitTimeout):
            now = until(
                state,
                lambda seen: seen != "Running",
                f"{distribution} to stop",
                here,
                every=min(1.0, here / 6),
            )
    if now == "Running":
        return True, f"{distribution} still runs after {seconds:g} s{clock}"
    after = (time.monotonic() - started) * speed
    said = f"{distribution} is {now.lower()}, no more than {after:.0f} s after the last terminal was closed"
    return False, f"{said}{clock}"


@check
def leads_here(machine: Machine, port: int, listen: str = portproxy.EVERY) -> Answer:
    """Does the port of Windows lead to the address that WSL has now?"""
    address = where.look(machine).address
    now = portproxy.read(machine, f"{listen}:{port}")
    name = f"port {port} of Windows leads here"
    if not now.connect:
        return Answer(name, machine.name, "fail", f"nothing is proxied on port {port}")
    if portproxy.drifted(now, address):
        said = f"it leads to {now.connect}, and WSL has {address} now"
        return Answer(name, machine.name, "fail", said, "make the plan again: it refreshes the address")
    return Answer(name, machine.name, "ok", f"{listen}:{port} leads to {now.connect}")


@check
def lets_in(
    machine: Machine, host: str, port: int, rule: firewall_rule.State, networks: Sequence[str] = ()
) -> Answer:
    """Does a device in the home get through to `port` of Windows, at `host`? With the reason, where it does not.

    `networks` are the categories that Windows gives its networks (`categories`).
    """
    name = f"lets {machine.name} in to port {port}"
    probe = machine.run(["timeout", str(PROBE), "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}"])
    if probe:
        return Answer(name, machine.name, "ok", f"{host}:{port} answers")
    if probe.rc != 124:
        said = f"{host}:{port} refuses: {(probe.err.strip().splitlines() or ['no word'])[-1]}"
        return Answer(name, machine.name, "fail", said, "nothing listens there: is the portproxy there?")
    said = f"{host}:{port} does not answer within {PROBE} s"
    if not rule.port:
        hint = f"Windows' firewall drops it: no rule lets TCP {port} in"
    elif not rule.enabled:
        hint = f"the rule {rule.name!r} is there, and disabled"
    elif networks and rule.profile != "Any" and not set(networks) & set(rule.profile.split(", ")):
        hint = (
            f"the rule is for {rule.profile} networks, and Windows takes this one for {', '.join(networks)}"
        )
    else:
        said += f", though the rule {rule.name!r} is there and enabled"
        hint = BLOCKED.format(port)
    return Answer(name, machine.name, "fail", said, hint)


def categories(machine: Machine) -> tuple[str, ...]:
    """What Windows takes its networks for, in the words of a firewall rule: Private, Public, Domain.

    Raises:
        PrerequisiteMissing, WaitTimeout, CommandFailed: see `homelab.wsl.interop.Said.ok`.
    """
    found = interop.ask(machine, powershell.NETWORKS)
    names = {str(network.get("Category")) for network in found}
    return tuple(sorted(DOMAIN if name.startswith(DOMAIN) else name for name in names))


@check
def one_tailscaled(machine: Machine, found: facts.Facts) -> Answer:
    """Does tailscaled run on one side only? Both at once is the talk's gotcha."""
    if found.where.kind == where.ELSEWHERE:
        return Answer("one tailscaled", machine.name, "skip", "this is not WSL, so there is one side only")
    both = found.tailscaled.both
    return Answer(
        "one tailscaled", machine.name, "warn" if both else "ok", str(found.tailscaled),
        "large answers may stall: see 10_gotchas for the remedies" if both else "",
    )  # fmt: skip
