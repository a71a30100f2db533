"""Do the clocks agree? Certificates, logins and backups all believe them.

A machine is asked with ``date +%s``; the world outside by the ``Date`` of an HTTPS answer (RFC 9110, 6.6.1), which is
believed without its certificate: a clock that is wrong enough makes every certificate look wrong, and nothing is sent.
"""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.client import HTTPException

from homelab.check import Answer, check
from homelab.errors import HomelabError, NoAnswer
from homelab.machine import Machine

MOST = 60.0  # seconds
HINT = "let it be set: sudo timedatectl set-ntp true (in WSL: wsl --shutdown, on Windows, brings it back)"
Clock = Callable[[], float]


def offset(machine: Machine, now: Clock = time.time) -> float:
    """How far the clock of `machine` is ahead of ours (s).

    Raises:
        HomelabError: it does not say what time it is.
    """
    before = now()
    said = machine.run(["date", "+%s"], timeout=20).ok().out.strip()
    after = now()
    if not said.isdigit():
        raise HomelabError(f"`date +%s` says {said!r}", machine.name)
    return _beyond(float(said), before, after)


def outside(url: str, now: Clock = time.time) -> float:
    """How far the clock of the server at `url` is ahead of ours (s).

    Raises:
        NoAnswer: nobody answers there, or it says no time.
    """
    context = ssl._create_unverified_context()  # see the module
    request = urllib.request.Request(url, method="HEAD")
    before = now()
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            said = answer.headers.get("Date", "")
    except urllib.error.HTTPError as error:
        said = error.headers.get("Date", "")
        error.close()
    except (OSError, HTTPException) as error:
        raise NoAnswer(f"nobody says the time at {url}: {getattr(error, 'reason', error)}") from None
    try:
        at = parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError):
        raise NoAnswer(f"{url} says no time") from None
    return _beyond(at, before, now())


def _beyond(told: float, before: float, after: float) -> float:
    """How far a whole second, told between two moments of ours, lies outside of them."""
    if told + 1 < before:
        return told + 1 - before
    return max(0.0, told - after)


@check
def agrees(machine: Machine, now: Clock = time.time) -> Answer:
    """Is the clock of `machine` within a minute of ours?"""
    return answer("its clock agrees with this machine's", machine.name, offset(machine, now))


def right(url: str, now: Clock = time.time) -> Answer:
    """Is our clock within a minute of the one of the server at `url`? Where nobody answers the question is skipped."""
    name = f"the clock agrees with {url.removeprefix('https://').partition('/')[0]}"
    try:
        ahead = outside(url, now)
    except NoAnswer as error:
        return Answer(name, "this machine", "skip", error.what)
    return answer(name, "this machine", -ahead)


def answer(name: str, where: str, ahead: float) -> Answer:
    """The answer for a clock that is so far `ahead` (s; less than nothing: it is slow)."""
    if abs(ahead) <= MOST:
        return Answer(name, where, "ok", f"to within {abs(ahead):.0f} s")
    way = "ahead" if ahead > 0 else "behind"
    return Answer(name, where, "warn", f"it is {_words(abs(ahead))} {way}", HINT)


def _words(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
