"""A session by Tailscale SSH from one node to another, as ``tailscale ssh`` opens it."""

from __future__ import annotations

from collections.abc import Callable

from homelab.machine import Machine, Result
from homelab.person import URL

PATIENCE = 30.0  # seconds; a person who has to open a page needs more
Click = Callable[[str], None]


def command(user: str, host: str, typed: str = "") -> list[str]:
    """``tailscale ssh user@host``, with a command or for a shell."""
    return ["tailscale", "ssh", f"{user}@{host}", *([typed] if typed else [])]


def run(
    machine: Machine,
    user: str,
    host: str,
    typed: str,
    *,
    click: Click | None = None,
    patience: float = PATIENCE,
) -> Result:
    """Run `typed` as `user` on `host`; where check mode names a page, `click` opens it (the person, by default).

    Raises:
        WaitTimeout: it did not end within `patience` seconds.
    """
    answer = click or machine.person.sign_in

    def watch(line: str) -> None:
        if "visit" in line and (found := URL.search(line)):
            answer(found.group())

    return machine.run(command(user, host, typed), timeout=patience, watch=watch)
