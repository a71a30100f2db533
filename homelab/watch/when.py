"""When a home is watched, in the words of each system that can start something: local time, whatever the season.

Twice a year the clock is changed. A time in the hour that is left out does not exist that day, one in the hour that
comes twice does so twice: systemd and cron then run once all the same (systemd.time(7), cron(8)), but not at the hour
that was asked for, so it is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from homelab.errors import ParamsError, Problem

EVERY = ("hour", "day", "week")


@dataclass(frozen=True)
class When:
    """Every hour, day or week (on Mondays), at `hour`:`minute` local time."""

    every: str = "day"
    hour: int = 3
    minute: int = 30

    def __str__(self) -> str:
        at = f"{self.hour:02}:{self.minute:02}"
        if self.every == "hour":
            return f"every hour at minute {self.minute:02}"
        return f"every day at {at}" if self.every == "day" else f"every Monday at {at}"

    @property
    def calendar(self) -> str:
        """As systemd's ``OnCalendar=``."""
        hour = "*" if self.every == "hour" else f"{self.hour:02}"
        return f"{'Mon ' if self.every == 'week' else ''}*-*-* {hour}:{self.minute:02}:00"

    @property
    def cron(self) -> str:
        """As the five fields of a crontab."""
        hour = "*" if self.every == "hour" else str(self.hour)
        return f"{self.minute} {hour} * * {'1' if self.every == 'week' else '*'}"


def parse(every: str = "day", at: str = "03:30") -> When:
    """What the words of a command line mean.

    Raises:
        ParamsError: they mean no time.
    """
    problems = []
    if every not in EVERY:
        problems.append(Problem("--every", f"must be {', '.join(EVERY)}, not {every!r}"))
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", at)
    if not found:
        problems.append(Problem("--at", f"must be a time of day such as 03:30, not {at!r}"))
    if problems or not found:
        raise ParamsError(problems)
    return When(every, int(found[1]), int(found[2]))


def odd_nights(when: When, start: date, days: int = 366) -> list[str]:
    """The days from `start` on whose clock is changed at just that time, in words."""
    if when.every == "hour":
        return []
    said = []
    for day in (start + timedelta(n) for n in range(days)):
        if when.every == "week" and day.weekday() != 0:
            continue
        asked = datetime(day.year, day.month, day.day, when.hour, when.minute)
        real = datetime.fromtimestamp(asked.timestamp())
        name = f"{day.day} {day:%B %Y}"
        if real != asked:
            said.append(f"On {name} the clock skips {asked:%H:%M}: it is {real:%H:%M} then.")
        elif asked.timestamp() != asked.replace(fold=1).timestamp():
            said.append(f"On {name} it is {asked:%H:%M} twice; the watch runs once.")
    return said
