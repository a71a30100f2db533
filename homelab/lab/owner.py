"""Owns a running lab: holds its lease, waits for its end, and removes what it leaves.

Everything of the lab ends when this process does, however it ends: the lease is a pipe whose only
writing end is here. Started as `python -m homelab.lab.owner CONFIG [--lease]`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from . import cgroups, janitor, launch, paths
from . import folder as state
from .init import READY_FD

PATIENCE = 5.0


class Ended(Exception):
    """A signal asks the owner to end the lab."""


def main(config_path: str, *, leased: bool) -> None:
    """Start the lab of `config_path`, tell standard output what came of it, stay until its end.

    With `leased` the lab also ends when standard input does.
    """
    config = json.loads(Path(config_path).read_text())
    folder = Path(config["state"])
    try:
        _own(config_path, config, folder, leased=leased)
    except OSError as error:
        what = f"the lab's state cannot be written: {error.strerror or error}"
        _say({"error": {"what": what, "where": str(folder), "hint": "make room there, or set HOMELAB_STATE"}})
        state.remove(folder)


def _own(config_path: str, config: dict[str, Any], folder: Path, *, leased: bool) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    groups = _groups(config, Path(config_path))
    lease_out, lease_in = os.pipe()
    events_out, events_in = os.pipe()
    os.set_inheritable(events_in, True)
    command = launch.first_process(config["tier"], Path(config["built"]["packages"]), Path(config_path))
    with (folder / "init.log").open("ab") as log:
        lab = subprocess.Popen(
            command,
            stdin=lease_out,
            stdout=log,
            stderr=log,
            pass_fds=[events_in],
            env={**_environment(), READY_FD: str(events_in)},
            cwd="/",
            start_new_session=True,
        )
    if groups:
        janitor.stand_by(lab.pid, groups)
    os.close(lease_out)
    os.close(events_in)
    try:
        if _relay_events(events_out, lab, config, leased):
            _stay(lab, leased)
    except Ended:
        pass
    finally:
        os.close(lease_in)
        try:
            lab.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            lab.kill()
            lab.wait()
        if groups:
            cgroups.remove(groups)
        state.remove(folder)


def _groups(config: dict[str, Any], file: Path) -> cgroups.Groups:
    """Make the control groups of machines with an engine, and write down which; none where there are none."""
    with_engine = [name for name, m in config["blueprint"]["machines"].items() if m["docker"]]
    if config["tier"] == "rootless" or not with_engine:
        return []
    # Written down before they are made: whatever happens to us, the next `up` knows what to remove.
    config["cgroups"] = cgroups.plan(f"homelab-{os.getpid()}-{time.time_ns() % 10**9:09d}")
    file.write_text(json.dumps(config))
    try:
        cgroups.make(config["cgroups"], with_engine)
    except OSError as error:
        config["cgroups"] = []
        file.write_text(json.dumps(config))
        with (file.parent / "init.log").open("a") as log:
            log.write(f"containers have no limits here, for control groups cannot be made: {error}\n")
    groups: cgroups.Groups = config["cgroups"]
    return groups


def _relay_events(events: int, lab: subprocess.Popen[bytes], config: dict[str, Any], leased: bool) -> bool:
    """Pass on what the lab says until it is ready; whether it is."""
    folder = Path(config["state"])
    with os.fdopen(events, "rb") as lines:
        for line in lines:
            event = json.loads(line)
            if not event.get("ready"):
                _say(event)
                continue
            owner = {"pid": first_pid(lab.pid), "owner_pid": os.getpid()}
            known = {k: config[k] for k in ("version", "tier", "topology")}
            state.write_record(
                folder, {**owner, **known, "leased": leased, "socket": str(paths.socket_of(folder))}
            )
            _say({"socket": str(paths.socket_of(folder))} if leased else event)
            if not leased:
                _fall_silent()
            return True
    log = (folder / "init.log").read_text(errors="replace").strip().splitlines()
    last = log[-1] if log else "it said nothing"
    _say({"error": {"what": f"the lab ended while it came up: {last}", "where": str(folder), "hint": ""}})
    return False


def _stay(lab: subprocess.Popen[bytes], leased: bool) -> None:
    """Wait for the end of the lab, or of the lease."""
    handle = os.pidfd_open(lab.pid)
    watched = select.poll()
    watched.register(handle, select.POLLIN)
    if leased:
        watched.register(0, select.POLLIN | select.POLLHUP)
    while True:
        for fd, _ in watched.poll():
            if fd == handle or not os.read(0, 4096):
                os.close(handle)
                return


def first_pid(launcher: int) -> int | None:
    """The PID, as this side sees it, of the lab's pid 1: the only child of `unshare`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if stat.rpartition(")")[2].split()[1] == str(launcher):
                return int(entry.name)
    return None


def _environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "USER", "LANG", "HOMELAB_CACHE", "HOMELAB_STATE")
    return {k: v for k, v in os.environ.items() if k in kept}


def _say(event: dict[str, Any]) -> None:
    try:
        print(json.dumps(event), flush=True)
    except OSError:
        return


def _fall_silent() -> None:
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended


if __name__ == "__main__":
    main(sys.argv[1], leased="--lease" in sys.argv[2:])
