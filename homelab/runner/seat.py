"""``./runbook check --seat``: the night before a workshop, can this machine follow it, and without a network?

It starts nothing that stays: the trial of a lab ends with it, and a port is only tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from homelab.check import Answer
from homelab.errors import EXIT_NOT_STARTED, EXIT_OK, PrerequisiteMissing
from homelab.lab_lease import CHECKOUT, LAB
from homelab.runner.check import HERE, lab
from homelab.runner.open import PORTS, free_port
from homelab.runner.over_ssh import has_browser

ROOM = 4.0  # GiB that stay free beside a complete cache: a lab's writes, 09's files, runs
MEMORY, COMFORT = 2.0, 4.0  # GiB: less is no lab, or a slow one with a browser beside it
CORES = 2
BUNDLE = "./runbook bundle --use FILE (from who gives the workshop), or, where there is a network: ./runbook bundle"
READY = CHECKOUT / ".venv" / ".ready"  # what `runbook` writes: for what the environment was made
WITH_09 = ("bench", "test")


def check_seat() -> int:
    """Print a line for everything that the workshop needs of this machine; returns the exit status."""
    answers = list(_answers())
    for answer in answers:
        print(answer.text())
    bad = sum(answer.status == "fail" for answer in answers)
    print(f"{bad} of {len(answers)} would stop you." if bad else "This seat is ready.")
    return EXIT_NOT_STARTED if bad else EXIT_OK


def _answers() -> Iterator[Answer]:
    yield from lab()
    yield complete(*_lab("bundle", "--missing"), READY)
    yield room(shutil.disk_usage(CHECKOUT).free / 2**30, _cache_free())
    yield memory(Path("/proc/meminfo").read_text())
    yield cores(len(os.sched_getaffinity(0)))
    yield browser(os.environ)
    yield port()
    yield clock(time.time(), _last_commit())
    yield quiet(_lab("status")[0])


def complete(status: int, said: str, ready: Path) -> Answer:
    """Is everything in the cache that any stage would download or build?"""
    name = "nothing is left to download"
    lines = [line.split(maxsplit=1) for line in said.splitlines()] if status else []
    if status and not all(len(line) == 2 for line in lines):
        return Answer(name, HERE, "fail", said.strip() or f"status {status}", "./runbook lab build")
    has_09 = ready.exists() and ready.read_text().split()[:1] in ([word] for word in WITH_09)
    lacking = [about for piece, about in lines if not (has_09 and piece.startswith("offline/"))]
    if lacking:
        return Answer(name, HERE, "fail", f"{len(lacking)} missing: {', '.join(lacking)}", BUNDLE)
    return Answer(name, HERE, "ok", "packages, builds, images and models of all stages are here")


def room(checkout: float, cache: float) -> Answer:
    """Is there room on the disks (GiB free)?"""
    least = min(checkout, cache)
    hint = (
        "" if least >= ROOM else f"make {ROOM - least:.1f} GiB more; ./runbook prune --apply takes old runs"
    )
    return Answer(
        "there is room on the disk", HERE, "fail" if hint else "ok", f"{least:.1f} GiB are free", hint
    )


def memory(meminfo: str) -> Answer:
    """Is there memory for a lab with its Docker engine, and for a browser?"""
    values = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    free = int(values["MemAvailable"].split()[0]) / 2**20
    said = f"{free:.1f} GiB are available"
    if free < MEMORY:
        hint = "end other programs; in WSL: memory=4GB under [wsl2] in .wslconfig"
        return Answer("there is memory", HERE, "fail", said, hint)
    hint = "" if free >= COMFORT else f"{COMFORT:.0f} GiB are comfortable: end what you do not need"
    return Answer("there is memory", HERE, "warn" if hint else "ok", said, hint)


def cores(count: int) -> Answer:
    """Are there processors for all the lab's machines?"""
    hint = "" if count >= CORES else "it works, and slowly: nothing else should run beside it"
    return Answer("there are processors", HERE, "warn" if hint else "ok", f"{count}", hint)


def browser(environment: Mapping[str, str]) -> Answer:
    """Would `./runbook open` have a browser to be opened in?"""
    name = "there is a browser"
    if has_browser(environment):
        return Answer(name, HERE, "ok", "`./runbook open` opens it")
    hint = "`./runbook open` prints the address, and over SSH the command for the computer that you sit at"
    return Answer(name, HERE, "warn", "none can be opened from this terminal", hint)


def port() -> Answer:
    """Is a port of the loopback free for JupyterLab?"""
    name, usual = "JupyterLab has a port", PORTS[0]
    try:
        found = free_port()
    except PrerequisiteMissing as error:
        return Answer(name, HERE, "fail", error.what, "end what listens on the loopback: ss -ltn")
    said = f"127.0.0.1:{found}" + ("" if found == usual else f", as {usual} is taken")
    return Answer(name, HERE, "ok", said)


def clock(now: float, commit: float | None) -> Answer:
    """Is the clock plausible, without asking a network: not before the version that is checked out was made?"""
    name, said = "the clock is plausible", time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    if commit is not None and now < commit:
        hint = "set it: sudo timedatectl set-ntp true; in WSL: wsl --shutdown, on Windows"
        return Answer(name, HERE, "fail", f"{said}, which is before this version was made", hint)
    return Answer(name, HERE, "ok", f"{said}: look whether that is right")


def quiet(status: int) -> Answer:
    """Is no lab up that would be in the way of the first exercise?"""
    name = "no lab is up yet"
    if status == 0:
        return Answer(name, HERE, "warn", "one is: a fresh start is better", "./runbook lab down")
    return Answer(name, HERE, "ok", "the workshop starts one")


def _lab(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [*LAB, *words], cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout or done.stderr


def _cache_free() -> float:
    """GiB that are free where the cache is, or would be."""
    own = os.environ.get("HOMELAB_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    place = Path(own).absolute()
    return shutil.disk_usage(next(p for p in (place, *place.parents) if p.exists())).free / 2**30


def _last_commit() -> float | None:
    """When the version that is checked out was made (s since the epoch), where git knows."""
    command = ["git", "-C", str(CHECKOUT), "log", "-1", "--format=%ct"]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL
        ).stdout.strip()
    except OSError:
        return None
    return float(said) if said.isdigit() else None
