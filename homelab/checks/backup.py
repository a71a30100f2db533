"""Backups as they must be on a bad day: recent, readable, somewhere else, and restored before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from homelab.check import Answer, check
from homelab.machine import Machine
from homelab.upkeep import restic

LEAST_FREE = 10.0  # percent of a backup disk


def _ago(then: datetime, now: datetime) -> str:
    past = now - then
    if past < timedelta(hours=1):
        return f"{max(0, past.seconds // 60)} min ago"
    return f"{past // timedelta(hours=1)} h ago" if past < timedelta(days=2) else f"{past.days} days ago"


@check
def recent(machine: Machine, place: str, services: Sequence[str], hours: float = 26.0) -> Answer:
    """Is the last good backup of every one of `services` younger than `hours`?"""
    return of_age(restic.snapshots(machine, place), machine.name, services, hours, datetime.now(UTC))


def of_age(
    found: Sequence[restic.Snapshot], where: str, services: Sequence[str], hours: float, now: datetime
) -> Answer:
    """The answer to `recent` from what the repository holds."""
    late, told = [], []
    for service in services:
        mine = restic.of_service(found, service)
        told.append(f"{service} {_ago(mine[-1].at, now)} ({len(mine)})" if mine else f"{service} never")
        if not mine or now - mine[-1].at > timedelta(hours=hours):
            late.append(service)
    hint = f"back up {', '.join(late)} now, and look why the timer did not"
    return Answer(
        f"was backed up in the last {hours:g} h", where, "fail" if late else "ok", ", ".join(told), hint
    )


@check
def proved(machine: Machine, place: str, services: Sequence[str], days: float = 90.0) -> Answer:
    """Was a restore of every one of `services` proved in the last `days`? One that never was is a warning."""
    return of_proof(restic.snapshots(machine, place), machine.name, services, days, datetime.now(UTC))


def of_proof(
    found: Sequence[restic.Snapshot], where: str, services: Sequence[str], days: float, now: datetime
) -> Answer:
    """The answer to `proved` from what the repository holds."""
    missing, told = [], []
    for service in services:
        mine = restic.proofs(found, service)
        told.append(f"{service} {_ago(mine[-1].at, now)}" if mine else f"{service} never")
        if not mine or now - mine[-1].at > timedelta(days=days):
            missing.append(service)
    hint = f"a backup that was never restored is a hope: run the drill for {', '.join(missing)}"
    return Answer(
        f"was restored in the last {days:g} days", where, "warn" if missing else "ok", ", ".join(told), hint
    )


@check
def readable(machine: Machine, place: str, percent: int = 0) -> Answer:
    """Is the repository whole? With `percent`, that part of the data is read too, not only what describes it."""
    words = [f"--read-data-subset={percent}%"] if percent else []
    restic.ask(machine, place, "check", "--no-lock", *words, timeout=restic.SLOW)
    depth = f"; {percent} % of the data read" if percent else ""
    return Answer("can be read", machine.name, "ok", f"restic check finds no errors at {place}{depth}")


@check
def elsewhere(machine: Machine, places: Sequence[str], data: str) -> Answer:
    """Are there copies on another disk than the folder `data`, and one on another machine?"""
    far = [p for p in places if p.startswith("sftp:")]
    near = [p for p in places if p not in far]
    same = [p for p in near if _disk(machine, p) == _disk(machine, data)]
    told = [f"{p} (another machine)" for p in far]
    told += [f"{p} ({'the same disk as the data' if p in same else 'another disk'})" for p in near]
    if same and not far and len(same) == len(near):
        status, hint = "fail", f"a broken disk takes both: put the repository on another than that of {data}"
    elif not far:
        status, hint = (
            "warn",
            "a fire or a thief takes both disks: keep a copy on a machine somewhere else too",
        )
    else:
        status, hint = "ok", ""
    return Answer("is kept somewhere else", machine.name, status, ", ".join(told) or "nowhere", hint)


def _disk(machine: Machine, path: str) -> str:
    """The file system that `path`, or the nearest folder above it, is on."""
    seek = 'p=$1; until [ -e "$p" ]; do p=$(dirname "$p"); done; stat -c %d "$p"'
    return machine.run(["sh", "-c", seek, "sh", path]).ok().out.strip()


@check
def has_room(machine: Machine, place: str, least: float = LEAST_FREE) -> Answer:
    """Is at least `least` percent of the disk of `place` free?"""
    free, total = _space(machine, place)
    part = 100 * free / total if total else 0.0
    status = "ok" if part >= least else "fail" if part < 1 else "warn"
    hint = "restic forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --prune, or a larger disk"
    unit, name = (1e9, "GB") if total >= 1e9 else (1e6, "MB")
    evidence = f"{free / unit:.1f} of {total / unit:.1f} {name} free at {place}"
    if status != "ok" and (large := _largest(machine, place)):
        hint, evidence = f"is all of that needed? Else {hint}", f"{evidence}; the largest there: {large}"
    return Answer("has room", machine.name, status, evidence, hint)


def _largest(machine: Machine, place: str) -> str:
    """The largest files at `place`, as far as a few seconds suffice to find them."""
    if place.startswith("sftp:"):
        return ""
    seek = 'timeout 5 find "$1" -xdev -type f -size +1M -printf "%s %p\\n" | sort -rn | head -n 3'
    lines = machine.run(["sudo", "sh", "-c", seek, "sh", place]).out.splitlines()
    sizes = (line.split(" ", 1) for line in lines)
    return ", ".join(f"{path} ({int(size) / 1e6:.0f} MB)" for size, path in sizes)


def _space(machine: Machine, place: str) -> tuple[int, int]:
    """Free and total bytes at `place`."""
    if place.startswith("sftp:"):
        host, _, path = place.removeprefix("sftp:").partition(":")
        said = machine.run(["sudo", "sftp", "-q", "-b", "-", host], stdin=f"df {path}\n").ok().out
        total, _, free, *_ = said.splitlines()[-1].split()
        return int(free) * 1024, int(total) * 1024
    said = machine.run(["sudo", "df", "--output=avail,size", "-B1", place]).ok().out
    free, total = said.splitlines()[-1].split()
    return int(free), int(total)
