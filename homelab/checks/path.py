"""Which way packets go between two nodes: straight, or through a relay (DERP)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from homelab.check import Answer, check
from homelab.errors import CommandFailed
from homelab.machine import Machine
from homelab.vantage import Nobody

PONG = re.compile(r"^pong from (?P<node>\S+) \((?P<ip>[^),]+)[^)]*\) via (?P<via>.+) in (?P<took>\S+)$")
LOST = re.compile(r'^ping "[^"]+" timed out$')
ADDRESS = re.compile(r"^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):\d+$")
STEP = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|µs|us|ns|s)")
AFRESH = ["tailscale", "debug", "rebind"]  # as a phone's system says when it joins another Wi-Fi
MILLISECONDS = {"h": 3.6e6, "m": 6e4, "s": 1e3, "ms": 1.0, "µs": 1e-3, "us": 1e-3, "ns": 1e-6}


@dataclass(frozen=True)
class Pong:
    """The answer to ping number `n`: `via` a relay or an address, after `ms` milliseconds.

    `via` is empty and `ms` is 0 for a ping that got no answer.
    """

    n: int
    via: str
    ms: float
    direct: bool


def parse(text: str) -> list[Pong]:
    """The pongs in what ``tailscale ping`` printed; other lines are left out."""
    found: list[Pong] = []
    for line in text.splitlines():
        if match := PONG.match(line.strip()):
            via = match["via"]
            took = sum(float(n) * MILLISECONDS[unit] for n, unit in STEP.findall(match["took"]))
            found.append(Pong(len(found) + 1, via, took, bool(ADDRESS.match(via))))
        elif LOST.match(line.strip()):
            found.append(Pong(len(found) + 1, "", 0.0, False))
    return found


def command(target: str, count: int = 10, until_direct: bool = True, patience: int = 2) -> list[str]:
    """``tailscale ping`` of `target`: at most `count` times, by default no longer than until it is direct.

    Each ping has `patience` seconds.
    """
    argv = ["tailscale", "ping", "-c", str(count), f"--timeout={patience}s"]
    return [*argv, *([] if until_direct else ["--until-direct=false"]), target]


def ping(
    machine: Machine,
    target: str,
    count: int = 10,
    until_direct: bool = True,
    afresh: bool = False,
    patience: int = 2,
) -> list[Pong]:
    """Ping `target` (a node's name or address) from `machine`: a ping each second, `patience` seconds for an answer.

    `afresh` tells the client first that its network has changed, as a phone's system does when it
    joins another Wi-Fi: it then looks for paths anew, instead of trusting the old one for a while.
    Empty where the question cannot be asked yet: no such machine, or changes that wait.

    Raises:
        CommandFailed: it could not ping, for example because nobody is logged in.
    """
    if isinstance(machine, Nobody) or machine.pending.count:
        return []
    if afresh:
        machine.run(AFRESH).ok()
    done = machine.run(command(target, count, until_direct, patience), timeout=15 + 3 * count)
    found = parse(done.out)
    if not found:
        raise CommandFailed(done.argv, done.rc, done.out, done.err, machine.name)
    return found


@check
def goes_direct(machine: Machine, target: str, pongs: Sequence[Pong] | None = None) -> Answer:
    """Do packets to `target` find the straight way? Asks anew unless `pongs` were seen already."""
    seen = list(pongs) if pongs is not None else ping(machine, target)
    good = bool(seen) and seen[-1].direct
    hint = "both ends behind hard NAT, or UDP is blocked: the relay carries it all the same"
    return Answer(
        f"goes direct to {target}", machine.name, "ok" if good else "fail", story(target, seen), hint
    )


@check
def stays_on_derp(
    machine: Machine, target: str, pongs: Sequence[Pong] | None = None, count: int = 3
) -> Answer:
    """Does every packet to `target` go through a relay, and does it arrive?"""
    seen = list(pongs) if pongs is not None else ping(machine, target, count)
    good = any(p.via for p in seen) and not any(p.direct for p in seen)
    return Answer(
        f"stays on a relay to {target}", machine.name, "ok" if good else "fail", story(target, seen)
    )


def story(target: str, pongs: Sequence[Pong]) -> str:
    """`pongs` in one line: ``tequila: 3 via DERP(ams), then direct by 203.0.113.10:41641 in 2 ms``."""
    parts: list[str] = []
    run: list[Pong] = []
    for pong in [*pongs, None]:
        if run and (pong is None or pong.via != run[0].via):
            parts.append(_run(run))
            run = []
        if pong:
            run.append(pong)
    return f"{target}: " + (", then ".join(parts) or "no answer")


def _run(run: Sequence[Pong]) -> str:
    if not run[0].via:
        return f"{len(run)} lost"
    way = f"direct by {run[0].via}" if run[0].direct else f"via {run[0].via}"
    quickest = min(p.ms for p in run)
    return f"{len(run)} {way} in {quickest:.3g} ms"
