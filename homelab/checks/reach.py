"""Who reaches whom, and as whom they are seen there."""

from __future__ import annotations

import re

from homelab.check import Answer, check
from homelab.errors import HomelabError
from homelab.machine import Machine, shown
from homelab.wait import until

WHAT_IS_MY_IP = "http://whatismyip.lab"  # the lab's cloud: says who called
ANSWERED = re.compile(r"(\d+) received")


def command(address: str, count: int = 1) -> list[str]:
    """What a person types to try `address`: ``ping`` a host, or open ``host:port`` by TCP."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        return ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}"]
    return ["ping", "-n", "-c", str(count), "-i", "0.2", "-W", "0.5", address]


def tried(machine: Machine, address: str, count: int = 1) -> tuple[bool, str]:
    """Whether `address` (a host, or host:port for TCP) answers `machine`, and what was seen."""
    done = machine.run(command(address, count), timeout=20)
    if done.argv[0] == "ping":
        if not (found := ANSWERED.search(done.out)):
            return False, f"`{shown(done.argv)}`: {_last(done.err or done.out)}"
        return bool(int(found[1])), f"ping {address}: {found[1]} of {count} answered"
    said = "connects" if done else "no answer in 2 s" if done.rc == 124 else _last(done.err)
    return bool(done), f"TCP {address}: {said.rpartition(': ')[2]}"


@check
def reaches(machine: Machine, address: str, seconds: float = 5.0) -> Answer:
    """Does `address` (a host, or host:port for TCP) answer? Tries for up to `seconds`."""
    _, evidence = until(
        lambda: tried(machine, address),
        lambda seen: seen[0],
        f"{address} to answer",
        seconds,
        hint="is a link cut? `./runbook lab status` lists the links",
        where=machine.name,
        every=0.2,
    )
    return Answer(f"reaches {address}", machine.name, "ok", evidence)


@check
def unreachable(machine: Machine, address: str) -> Answer:
    """Is `address` (a host, or host:port for TCP) out of reach? Asks three times, in vain."""
    answered, evidence = tried(machine, address, 3)
    return Answer(f"{address} is unreachable", machine.name, "fail" if answered else "ok", evidence)


@check
def seen_as(machine: Machine, address: str) -> Answer:
    """Does a server on the internet see the machine come from `address`?"""
    seen = public_address(machine)
    return Answer(
        f"seen as {address}",
        machine.name,
        "ok" if seen == address else "fail",
        f"{WHAT_IS_MY_IP} says {seen}",
    )


@check
def nat_hides(machine: Machine, router: str) -> Answer:
    """Does a server on the internet see the address of `router` (IPv4) and never the machine's own?"""
    own = machine.run(["hostname", "-I"]).ok().out.split()
    seen = public_address(machine)
    good = seen == router and seen not in own
    evidence = f"its own address is {', '.join(a for a in own if ':' not in a)}; {WHAT_IS_MY_IP} saw {seen}"
    return Answer("is hidden by NAT", machine.name, "ok" if good else "fail", evidence)


def public_address(machine: Machine, patience: float = 5.0) -> str:
    """The address by which a server on the lab's internet sees `machine`; waits for `patience` seconds.

    Raises:
        HomelabError: the server does not answer, or says something else.
    """
    said = machine.run(["curl", "-sS", "-m", f"{patience:g}", WHAT_IS_MY_IP])
    found = re.search(r"[0-9a-f]*[.:][0-9a-f.:]+", said.out)
    if not said or not found:
        raise HomelabError(f"{WHAT_IS_MY_IP} does not say: {_last(said.err or said.out)}", machine.name)
    return found[0]


def _last(text: str) -> str:
    return next(iter(text.strip().splitlines()[-1:]), "it printed nothing")
