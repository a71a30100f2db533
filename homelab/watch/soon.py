"""What will go wrong before long, as answers: a disk that fills up, a key or a certificate that ends, a wrong clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from homelab.check import Answer
from homelab.watch.facts import clocks

FULL = 90  # percent
DAYS = 14  # tailscaled renews a certificate a month before its end: one with less left is not being renewed


def answers(facts: dict[str, Any], now: datetime) -> Iterator[Answer]:
    """One per disk, key, certificate and clock that was seen."""
    for name, seen in facts["machines"].items():
        for disk in known(seen["disks"]):
            part = 100 * disk["used"] / disk["size"]
            yield Answer(
                f"{disk['mount']} has room", name, "warn" if part >= FULL else "ok", f"{part:.0f} % is used",
                f"what takes it: sudo du -xh -d 2 {disk['mount']} | sort -h | tail",
            )  # fmt: skip
        if seen["key"].get("expires"):
            yield _lasts("its node key lasts", name, seen["key"]["expires"], now,
                         "log in again: sudo tailscale up --force-reauth, or let it never end: machines page, Disable key expiry")  # fmt: skip
        for one in known(seen["certificates"]):
            if one.get("expires"):
                yield _lasts(
                    f"the certificate of {one['host']} lasts", name, one["expires"], now,
                    f"look at it: tailscale cert {one['host']}, and journalctl -u tailscaled",
                )  # fmt: skip
    yield from clocks(facts)


def unsure(facts: dict[str, Any]) -> set[str]:
    """Who did not answer everything: what was found there before may still be so; see `Finding.stage`."""
    silent = {f"@{name}" for name, seen in facts["machines"].items() if any(map(unknown, seen.values()))}
    return silent | {f"@{a.vantage}" for a in clocks(facts) if a.status in ("skip", "fail")}


def known(part: Any) -> list[dict[str, Any]]:
    """A part of the facts as a list; empty where it is unknown."""
    return part if isinstance(part, list) else []


def days_left(stamp: str, now: datetime) -> float:
    """How many days are left until `stamp` (ISO)."""
    return (datetime.fromisoformat(stamp.replace("Z", "+00:00")) - now).total_seconds() / 86400


def _lasts(question: str, where: str, stamp: str, now: datetime, hint: str) -> Answer:
    left = days_left(stamp, now)
    said = f"{left:.0f} days are left" if left > 0 else "it has ended"
    return Answer(question, where, "ok" if left > DAYS else "warn", said, hint)


def unknown(part: Any) -> str:
    """Why a part of the facts is unknown; empty where it is known."""
    return str(part["unknown"]) if isinstance(part, Mapping) and "unknown" in part else ""
