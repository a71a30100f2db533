"""Miniflux as somebody who reads the news uses it."""

from __future__ import annotations

from homelab import web
from homelab.check import Answer, check
from homelab.clients.miniflux import Miniflux
from homelab.machine import Machine


@check
def reads_a_feed(machine: Machine, url: str, username: str, password: str, feed: str) -> Answer:
    """Does it take the feed at the address `feed`, and do its entries arrive? `password` is the password itself."""
    reader = Miniflux(web.session(machine), url, username, password)
    number = reader.feed(feed)
    titles = reader.titles(number)
    evidence = f"{feed}: {len(titles)} entries" + (f", the newest “{titles[0]}”" if titles else "")
    return Answer("reads a feed", machine.name, "ok" if titles else "fail", evidence)
