"""A page as the whole internet sees it: from a machine without tailscale, by public DNS."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from homelab import web
from homelab.check import Answer, check
from homelab.errors import HomelabError, NoAnswer
from homelab.machine import Machine
from homelab.wait import until

CROWD = Path(__file__).resolve().parents[1] / "apps" / "visitors.py"
UNKNOWN, HUNG_UP = 6, 35  # curl's statuses: the name is not known; the other end left during the handshake
LOOK = "is the name in public DNS (getent hosts NAME), and what says `tailscale funnel status` on the node?"


@check
def opens(machine: Machine, url: str, words: str, since: float = 0.0, seconds: float = 15.0) -> Answer:
    """Does the page at `url` open, and does it hold `words`? Waits for it up to `seconds`.

    `since` is the moment (``time.monotonic()``) at which it was switched on, to tell how long it took.
    """

    def look() -> tuple[str, str]:
        try:
            got = web.session(machine).get(url)
        except NoAnswer as error:
            return "", error.what
        return ("ok" if got.ok and words in got.text else ""), f"{got.status_code}, {len(got.content)} bytes"

    start = time.monotonic()
    _, seen = until(
        look, lambda found: bool(found[0]), f"{url} to open", seconds, hint=LOOK, where=machine.name
    )
    now = time.monotonic()
    after = f"{now - since:.2g} s after it was switched on" if since else f"in {(now - start) * 1000:.0f} ms"
    found = f"“{words}” is in it, " if words else ""
    return Answer("opens the page", machine.name, "ok", f"{url}: {seen}, {found}{after}")


@check
def stays_out(machine: Machine, url: str, seconds: float = 10.0) -> Answer:
    """Is the page unknown there? Waits up to `seconds` until public DNS has forgotten it, and asks ``curl``."""

    def look() -> tuple[int, str]:
        done = machine.run(["curl", "-sS", "-m", "5", "-o", "/dev/null", url])
        return done.rc, done.err.strip() or "it was answered"

    rc, said = until(
        look,
        lambda seen: seen[0] in (UNKNOWN, HUNG_UP),
        f"{url} to be unknown",
        seconds,
        where=machine.name,
        hint="`tailscale serve status` on the node says who may see it",
    )
    return Answer("is turned away", machine.name, "ok", f"curl ends with status {rc}: {said}")


@check
def quick(machine: Machine, url: str, words: str, p50: float = 50.0) -> Answer:
    """How long does a visitor wait for the page, who comes alone? At most `p50` ms in half of the visits.

    A slow page is a warning: it tells of a busy machine, not of a page that does not come.
    """
    told = crowd_of(machine, url, 1, 0.6, words)
    status = "fail" if told["failed"] else "ok" if told["p50"] <= p50 else "warn"
    return Answer("the page is quick", machine.name, status, _said(told))


@check
def carries(machine: Machine, url: str, words: str, visitors: int = 20, seconds: float = 2.0) -> Answer:
    """Do `visitors` at once get the page, again and again for `seconds`, and none in vain?"""
    told = crowd_of(machine, url, visitors, seconds, words)
    good = not told["failed"] and told["visits"] >= visitors
    return Answer(f"carries {visitors} visitors at once", machine.name, "ok" if good else "fail", _said(told))


def crowd_of(machine: Machine, url: str, visitors: int, seconds: float, words: str) -> dict[str, Any]:
    """What `visitors` of `url` met within `seconds`: how many visits, what failed, how long they took (ms).

    Raises:
        HomelabError: they could not be sent at all.
    """
    argv = ["python3", "-", url, str(visitors), str(seconds), words]
    done = machine.run(argv, stdin=CROWD.read_text(), timeout=seconds + 60)
    if not done:
        raise HomelabError(f"no visitor could be sent: {done.err.strip()[-200:]}", machine.name)
    told: dict[str, Any] = json.loads(done.out)
    return told


def _said(told: dict[str, Any]) -> str:
    failed = f"{told['failed']} failed" + (f" ({'; '.join(told['why'])})" if told["why"] else "")
    times = f"half of them within {told['p50']:.0f} ms, 95 of 100 within {told['p95']:.0f} ms, the slowest {told['max']:.0f} ms"
    return f"{told['visits']} visits, {failed}; {times}"
