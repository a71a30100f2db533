"""``./runbook lab up --at STAGE``: the lab as that stage finds it when the ones before it have run.

Made once by their plans and saved in the cache; from then on it is there in seconds, until this checkout changes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from homelab import checkpoints, stages
from homelab.errors import EXIT_OK, HomelabError, LabError, ParamsError, PrerequisiteMissing, Problem, nearest
from homelab.lab_lease import CHECKOUT, LAB, kept

SAVE = "./runbook lab down ends it (./runbook lab save NAME keeps it)"


def wanted(words: Sequence[str]) -> str:
    """The name after ``--at`` of ``lab up``; empty where there is none."""
    for n, word in enumerate(words):
        if word == "--at" and words[:1] == ["up"]:
            return "".join(words[n + 1 : n + 2])
        if word.startswith("--at=") and words[:1] == ["up"]:
            return word.partition("=")[2]
    return ""


def stage_of(name: str) -> str:
    """The stage that `name` means; empty where it is a saved lab.

    Raises:
        ParamsError: it is neither.
    """
    found = [one["name"] for one in saved()]
    with contextlib.suppress(ParamsError):
        return stages.find(name)
    if name in found:
        return ""
    known = [*found, *stages.names(), *(stage[3:] for stage in stages.names())]
    raise ParamsError([Problem(f"--at {name}", "is no stage, and no lab is saved so", nearest(name, known))])


def up_at(stage: str) -> int:
    """Bring the lab up as `stage` finds it; exit status 0.

    Raises:
        PrerequisiteMissing: a lab is up already, or none can be.
        HomelabError: a stage before it fails; nothing is left.
    """
    if kept():
        raise PrerequisiteMissing("a lab is up already, and would be lost", "", SAVE)
    key = checkpoints.version()
    fit = {one["name"]: one for one in saved() if one["of"] == key and not one["unfit"]}
    if stage in fit:
        _lab("up", "--at", stage)
        return EXIT_OK
    steps = checkpoints.before(stage)
    base = max((name for name in fit if name in steps), default="")
    print(f"{stage} is new to this checkout: made once from the plans of the stages before it, then kept.")
    _lab("up", *(("--at", base) if base else ()))
    if not steps:
        return EXIT_OK
    try:
        _make(checkpoints.before(stage, base) if base else steps)
        _lab("save", stage, "--of", key)
    except BaseException:
        _lab("down")
        raise
    for old in saved():
        if old["of"] and old["of"] != key:
            _lab("forget", str(old["name"]))
    return EXIT_OK


def saved() -> list[dict[str, Any]]:
    """Every lab that is saved; see `homelab.lab.saved`.

    Raises:
        LabError: the lab's program says nothing.
    """
    done = subprocess.run(
        [*LAB, "saved", "--json"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"the saved labs cannot be listed: {done.stderr.strip()[-300:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _make(steps: Sequence[str]) -> None:
    os.environ["HOMELAB_LAB"] = kept()
    os.environ["HOMELAB_RUN"] = "checkpoint"  # in the journal of that lab
    from homelab.world import open_world

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        world = open_world("lab")
    try:
        for stage in steps:
            start = time.monotonic()
            try:
                with contextlib.redirect_stdout(said):
                    count = checkpoints.leave(world, stage)
            except HomelabError:
                print("\n".join(said.getvalue().splitlines()[-8:]))
                raise
            print(f"  {stage}: {count} changes in {time.monotonic() - start:.1f} s", flush=True)
    finally:
        world.close()
        del os.environ["HOMELAB_LAB"], os.environ["HOMELAB_RUN"]


def _lab(*words: str) -> None:
    """The lab's own program, in this terminal.

    Raises:
        LabError, PrerequisiteMissing: it says why.
    """
    done = subprocess.run([*LAB, *words], cwd=CHECKOUT, check=False)
    if done.returncode:
        raise LabError(f"`lab {' '.join(words)}` ended with status {done.returncode}")
