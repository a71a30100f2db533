"""What starts the watch of a home on this machine: systemd, else cron; in WSL, Windows, which wakes it.

Planned like any change: what another system of these still starts is taken away, so that nothing runs twice.
"""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from homelab.errors import PrerequisiteMissing
from homelab.machine import Machine
from homelab.params import World
from homelab.plan import Change, Plan, change
from homelab.resources import cron_line, user_timer, watch_task
from homelab.watch.when import When, odd_nights
from homelab.wsl import facts, powershell, where
from homelab.wsl.interop import ask, unix_path

STAGE = "schedule"
SYSTEMD, CRON, WINDOWS = "systemd", "cron", "Windows"


@dataclass(frozen=True)
class Watch:
    """The watch of the home `world`: `command` (whole paths) is run in `folder`."""

    world: str
    folder: str
    command: tuple[str, ...]

    @property
    def unit(self) -> str:
        """What systemd calls it."""
        return f"homelab-watch-{self.world}"

    @property
    def task(self) -> str:
        """What Windows calls it."""
        return f"Homelab-Watch-{self.world}"


def of_home(world: World, checkout: Path) -> Watch:
    """The watch of the home that `world` describes, by the runbook in `checkout`."""
    params = str(world.path.absolute())
    return Watch(world.common.world, str(checkout), (str(checkout / "runbook"), "watch", "--params", params))


@dataclass(frozen=True)
class Found:
    """What there is of the watch on the machine now; `task` is None where this is not WSL."""

    timer: user_timer.State
    line: cron_line.State
    task: watch_task.State | None
    signals: where.Signals

    @property
    def fits(self) -> str:
        """Which system is to start it; empty: there is none that could."""
        if self.task is not None:
            return WINDOWS
        return SYSTEMD if self.timer.manager else CRON if self.line.there else ""


def look(machine: Machine, watch: Watch) -> Found:
    """By commands that only read.

    Raises:
        HomelabError: see the resources.
    """
    signals = where.look(machine)
    wsl = where.judge(signals).kind != where.ELSEWHERE
    return Found(
        user_timer.read(machine, watch.unit),
        cron_line.read(machine, watch.world),
        watch_task.read(machine, watch.task) if wsl else None,
        signals,
    )


def plan(machine: Machine, watch: Watch, when: When, today: date, more: Sequence[str] = ()) -> Plan:
    """The plan that has the watch started at `when`; `more` are notes for the reader.

    Raises:
        PrerequisiteMissing: nothing here could start it.
        HomelabError: see the resources.
    """
    found = look(machine, watch)
    if not found.fits:
        raise PrerequisiteMissing(
            "nothing here can start it: neither a systemd of the user's, nor cron",
            machine.name,
            "sudo apt-get install cron, or let something of yours run: " + shlex.join(watch.command),
        )
    wanted = _wanted(machine, watch, when, found)
    why = f"watch {watch.world} {when}, by {found.fits}"
    changes = [
        c for kind in (SYSTEMD, CRON, WINDOWS) for c in _change(machine, watch, found, kind, wanted, why)
    ]
    return Plan(STAGE, tuple(changes), (*_notes(found, watch), *odd_nights(when, today), *more))


def removal(machine: Machine, watch: Watch) -> Plan:
    """The plan after which nothing starts the watch any more."""
    found = look(machine, watch)
    kinds = (SYSTEMD, CRON, WINDOWS)
    return Plan(STAGE, tuple(c for kind in kinds for c in _change(machine, watch, found, kind, None, "")))


Wanted = user_timer.State | cron_line.State | watch_task.State


def _wanted(machine: Machine, watch: Watch, when: When, found: Found) -> Wanted:
    if found.fits == SYSTEMD:
        about = f"Homelab Runbook watches {watch.world}"
        service, timer = user_timer.units(about, watch.folder, watch.command, when.calendar)
        return replace(found.timer, service=service, timer=timer, enabled=True, active=True)
    if found.fits == CRON:
        # What it prints is in the run's folder; what it says when it cannot begin, cron mails.
        line = f"cd {shlex.quote(watch.folder)} && {shlex.join(watch.command)} >/dev/null"
        return cron_line.State(watch.world, f"{when.cron} {cron_line.escaped(line)}")
    who = facts.user(ask(machine, powershell.USER))
    if not found.signals.distribution:
        raise PrerequisiteMissing(
            "WSL does not say which distribution this is", machine.name, "run it in a terminal of WSL"
        )
    words = watch_task.arguments(found.signals.distribution, getpass.getuser(), watch.folder, watch.command)
    return watch_task.wanted(watch.task, words, when, who.name, unix_path(machine, who.profile))


def _change(
    machine: Machine, watch: Watch, found: Found, kind: str, wanted: Wanted | None, why: str
) -> tuple[Change, ...]:
    known: dict[str, tuple[str, Wanted | None, Wanted]] = {
        SYSTEMD: (
            "user_timer",
            found.timer,
            replace(found.timer, service=None, timer=None, enabled=False, active=False),
        ),
        CRON: ("cron_line", found.line, cron_line.State(watch.world)),
        WINDOWS: ("watch_task", found.task, watch_task.State(watch.task)),
    }
    resource, now, none = known[kind]
    if now is None:
        return ()
    mine = wanted is not None and kind == found.fits
    words = why if mine else f"no longer watch {watch.world} by {kind}"
    return change(machine.name, resource, now, wanted if mine else none, words, name=now.name)


def _notes(found: Found, watch: Watch) -> list[str]:
    if found.fits == SYSTEMD:
        said = [f"What it said: journalctl --user -u {watch.unit}"]
        if not found.timer.linger:
            said.append(
                "Your systemd ends when you log out, and the timer with it. To keep it: loginctl enable-linger"
            )
        return said
    if found.fits == CRON:
        return ["Cron does not make up for a time at which the machine was off."]
    return ["Windows runs it while you are logged on, also behind the lock screen; else at your next logon."]
