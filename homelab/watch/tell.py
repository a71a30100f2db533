"""Tell each way what it has not told yet, and remember what went through."""

from __future__ import annotations

import time
from collections.abc import Mapping

from homelab.errors import HomelabError
from homelab.secret import mask
from homelab.watch.channels import Pause, Send, patiently
from homelab.watch.message import message
from homelab.watch.told import Told


def tell(
    told: Told,
    ways: Mapping[str, Send],
    world: str,
    command: str,
    report: str,
    at: str,
    pause: Pause = time.sleep,
) -> tuple[list[str], list[str]]:
    """Send each of `ways` its news of the home `world`: one message, or none where nothing has changed.

    Returns what was told, and what could not be: a line each. What went through is on disk before the next way.

    Raises:
        HomelabError: what was told cannot be written down.
    """
    told.save()
    done, failed = [], []
    for name, send in ways.items():
        news = told.news(name)
        if not news:
            continue
        said = message(world, news, command, report, at)
        try:
            patiently(lambda send=send, said=said: send(said), pause)  # type: ignore[misc]
        except HomelabError as error:
            failed.append(mask(f"{name}: not told, the next watch tries again: {error}"))
            continue
        told.was_told(name)
        told.save()
        done.append(f"{name}: told: {said.title}")
    return done, failed
