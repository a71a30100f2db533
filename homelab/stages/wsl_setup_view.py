"""What chapter 01 shows: the facts, the signals behind the first of them, a logon, and the files to carry."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

from homelab.machine import Machine
from homelab.pictures.tables import Table
from homelab.record import table
from homelab.vantage import Nobody
from homelab.wsl import carry, facts, releases, where

FILES = {
    carry.PAGE: "what to do, step by step: begin here",
    carry.POWERSHELL: "today's way: the task at logon, each step explained",
    carry.SCRIPT: "the talk's way: two lines for the start-up folder",
}


def overview(found: facts.Facts | None, today: date) -> Table:
    """All that was found out, a row each."""
    rows = found.rows(today) if found else []
    return Table(("what", "found"), tuple(rows), "No machine plays this part here.")


def signals(machine: Machine | Nobody) -> Table:
    """Where we run: each sign of WSL, what is seen of it here, and what it says."""
    if isinstance(machine, Nobody):
        return Table(("sign",), (), machine.why)
    seen = where.look(machine)
    rows = [
        ("the kernel", _kernel(seen.kernel), _says("microsoft" in f"{seen.kernel} {seen.version}".lower())),
        ("WSL_DISTRO_NAME, WSL_INTEROP", " ".join(filter(None, (seen.distribution, seen.interop))), _says(bool(seen.distribution or seen.interop))),
        ("binfmt WSLInterop, /run/WSL", " ".join(filter(None, (seen.binfmt, seen.sockets))), _says(bool(seen.binfmt or seen.sockets))),
        ("wslinfo", seen.wslinfo, _says(bool(seen.wslinfo))),
        ("together", where.judge(seen).kind, "two signs of different origin are needed"),
    ]  # fmt: skip
    return Table(("sign", "seen here", "says"), tuple((a, b or "nothing", c) for a, b, c in rows))


def _kernel(release: str) -> str:
    """Microsoft's whole, as its end tells WSL 1 from 2; of any other only the version, which says as little."""
    found = re.match(r"[\d.]+", release)
    return release if not found or "microsoft" in release.lower() else found[0]


def _says(yes: bool) -> str:
    return "WSL" if yes else "nothing of WSL"


def logon(ran: Sequence[Mapping[str, Any]]) -> Table:
    """What a logon at the lab's Windows started, and what came of it."""
    rows = [(str(r["by"]), str(r["command"] or "–"), "none" if r["hidden"] else "visible" if r["command"] else "–", str(r["outcome"])) for r in ran]  # fmt: skip
    return Table(("started by", "what", "window", "outcome"), tuple(rows), "Nothing starts at this logon.")


def lifetimes(today: date) -> Table:
    """Until when each Windows of our table gets security updates, for Home and Pro, and for companies."""
    rows = [(r.name, *(f"{d:%d %B %Y}{' (over)' if d < today else ''}" for d in (r.home, r.business))) for r in releases.RELEASES]  # fmt: skip
    return Table(("version", "Home, Pro", "Enterprise, Education"), tuple(rows))


class Files(Table):
    """Its first column are files in a folder beside the page of the run, and lead there."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        rows = [
            [f'<a href="windows/{escape(n)}">{escape(n)}</a>', *map(escape, more)] for n, *more in self.rows
        ]
        return {"text/plain": str(self), "text/html": table(list(self.head), rows)}


def files(folder: Path) -> Table:
    """The files in `folder`, and what each is for; in a run they are links, for its page lies beside the folder."""
    rows = tuple((name, what, f"{(folder / name).stat().st_size} bytes") for name, what in FILES.items())
    kind = Files if os.environ.get("HOMELAB_RUN_FOLDER") else Table
    return kind(("file", "what it is for", "size"), rows)
