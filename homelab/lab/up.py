"""Bringing a lab up: check, build, claim a state folder, start the owner, wait until it says ready."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from homelab import __version__
from homelab.errors import HomelabError, LabError, LabRefused, PrerequisiteMissing
from homelab.lab_idle import missing
from homelab.labsocket import request

from . import (
    blueprint,
    build,
    copying,
    daemons,
    folder,
    launch,
    paths,
    preflight,
    root,
    saved,
    show,
    topology,
    waking,
)

PATIENCE = 60.0
UP = "./runbook lab down ends it (./runbook lab save NAME keeps it)"


def up(topology_file: Path, *, enrolled: bool, at: str | None = None) -> str:
    """Bring this checkout's lab up, or leave it as it is when it is up already; what came of it, as a line.

    `at` names a saved lab, as which it comes up.

    Raises:
        ParamsError, PrerequisiteMissing: nothing was started.
        LabError: it did not come up; nothing is left of it.
    """
    start = time.monotonic()
    place = paths.lab_folder()
    paths.socket_of(place)
    if folder.is_held(place):
        return _already(place, enrolled, at)
    ready, restored = _prepare(topology_file, at)
    claimed = _claim(place, ready, topology_file, enrolled, restored)
    if claimed is None:
        return _already(place, enrolled, at)
    lock, config = claimed
    os.set_inheritable(lock, True)
    owner = subprocess.Popen(
        [*launch.python("homelab.lab.owner"), str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=[lock],
        start_new_session=True,
        cwd="/",
    )
    os.close(lock)
    try:
        _await(owner)
    except BaseException:
        owner.terminate()
        owner.wait()
        raise
    count = f"{len(ready['machines'])} machines on {len(ready['networks'])} networks"
    members = [m for m in ready["machines"].values() if m["tailscale"] in ("installed", "later")]
    joined = len(members) if enrolled else 0
    tailnet = f", {joined} of them in one tailnet" if joined else ""
    as_ = f" as it was saved in {at}" if at else ""
    return (
        f"the lab is up{as_} after {time.monotonic() - start:.1f} s: {count}{tailnet} (tier {launch.tier()})"
    )


def up_on_lease(
    topology_file: Path, *, enrolled: bool, at: str | None = None, here: bool = False
) -> NoReturn:
    """Become the owner of a lab of one's own, which ends with our standard input.

    `here`, it is this checkout's: what is typed in any terminal is about it.

    Raises:
        ParamsError, PrerequisiteMissing: nothing was started.
    """
    stamp = f"own-{os.getpid()}-{time.time_ns() % 10**9:09d}"
    place = paths.lab_folder() if here else paths.state_root() / stamp
    paths.socket_of(place)
    ready, restored = _prepare(topology_file, at)
    claimed = _claim(place, ready, topology_file, enrolled, restored)
    if claimed is None:
        raise LabError("the folder of a new lab is taken", str(place), "another one comes up: run it again")
    lock, config = claimed
    os.set_inheritable(lock, True)
    os.chdir("/")
    argv = launch.python("homelab.lab.owner")
    os.execv(argv[0], [*argv, str(config), "--lease"])


def _prepare(topology_file: Path, at: str | None) -> tuple[dict[str, Any], Path | None]:
    """Everything that can be wrong is found before anything is started; and the folder of the saved lab `at`."""
    restored = saved.require(at) if at else None
    built = build.find()
    trial = preflight.Preflight(built.packages if built else None)
    try:
        drawn = (
            waking.read(restored)["blueprint"] if restored else blueprint.draw(topology.read(topology_file))
        )
    except HomelabError:
        trial.result()
        raise
    preflight.require(trial.result())
    if built is None:
        built = build.ensure()
        preflight.require(preflight.check(built.packages))
    return drawn, restored


def _claim(
    place: Path, drawn: dict[str, Any], topology_file: Path, enrolled: bool, restored: Path | None
) -> tuple[int, Path] | None:
    """The lock on `place` and the file in it that the owner reads; None when a living lab holds it.

    Raises:
        PrerequisiteMissing: it cannot be written; nothing is left of it.
    """
    lock = folder.claim(place)
    if lock is None:
        return None
    try:
        folder.sweep()
        with folder.refusing_what_cannot_be_written():
            folder.need_room()
            return lock, _write_config(place, drawn, topology_file, enrolled, restored)
    except BaseException:
        folder.remove(place)
        os.close(lock)
        raise


def _write_config(
    place: Path, drawn: dict[str, Any], topology_file: Path, enrolled: bool, restored: Path | None
) -> Path:
    built = build.find()
    if built is None:
        raise PrerequisiteMissing("the cache was emptied meanwhile", str(paths.cache()), "run it again")
    (place / "log").mkdir(mode=0o700)
    config = place / folder.CONFIG
    document: dict[str, Any] = {
        "state": str(place),
        "version": __version__,
        "tier": launch.tier(),
        "topology": str(topology_file.resolve()),
        "enrolled": waking.read(restored)["enrolled"]["from_the_start"] if restored else enrolled,
        "restored": str(restored or ""),
        "blueprint": drawn,
        "python": _python_of_ours(),
        "runbook": [str(p) for p in root.within(paths.CHECKOUT, Path(sys.prefix), Path(sys.base_prefix))],
        "built": {
            name: str(getattr(built, name))
            for name in ("tailscale", "cloud", "packages", "www", "ca", "compose")
        },
        "cgroups": [],  # the owner makes them
    }
    built.compose.mkdir(exist_ok=True)
    (place / daemons.HUB).mkdir()
    if restored:
        copying.bring(restored, place)
    config.write_text(json.dumps(document))
    return config


def _python_of_ours() -> str:
    """The folder of the Python that machines must be shown, for they need one; "" where /usr has it."""
    base = Path(sys.base_prefix).resolve()
    in_usr = Path("/usr/bin/python3").exists() or base.is_relative_to("/usr")
    return "" if in_usr else str(base)


def _await(owner: subprocess.Popen[bytes]) -> None:
    assert owner.stdout
    for line in owner.stdout:
        event = json.loads(line)
        if problem := event.get("error"):
            owner.wait()
            raise LabError(problem["what"], problem["where"], problem["hint"])
        if event.get("ready"):
            return
    raise LabError(
        "the lab's owner ended before the lab was up", hint="run it again; if it stays so, look at init.log"
    )


def _already(place: Path, enrolled: bool, at: str | None) -> str:
    folder.refuse_other_version(place)
    if at:
        raise LabRefused(f"a lab is up, and would be lost if {at} came in its place", "", UP)
    path, end = place / "lab.sock", time.monotonic() + PATIENCE
    while folder.is_held(place) and time.monotonic() < end:
        try:
            now = request(path, op="status")
            break
        except LabError:
            time.sleep(0.05)  # another `up` is at it
    else:
        raise LabError(
            "another `lab up` did not come to its end", str(place), "`./runbook lab down`, then again"
        )
    again = ""
    if any(missing(machine) for machine in now["machines"].values()):
        started = request(path, op="start_missing")["started"]
        again = f"; started again: {', '.join(started)}" if started else ""
    again += f"; {show.LEASED}" if now["leased"] else ""
    if not enrolled:
        return f"the lab is up already: {len(now['machines'])} machines (tier {now['tier']}){again}"
    joined = request(path, op="enroll")["joined"]
    return f"the lab is up already, and {len(joined)} machines are in its tailnet: {', '.join(joined)}{again}"
