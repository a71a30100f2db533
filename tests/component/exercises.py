"""A learner at an exercise: not done, the worked answer really typed, done; the way back typed, not done again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from homelab.exercises.exercise import CELL, HERE, Typed, exercise, find
from homelab.progress import DONE, NOT_YET
from homelab.stages.gpu_benchmarks_record import Kept
from homelab.wait import until
from homelab.world import World

CHECKOUT = Path(__file__).resolve().parents[2]
SETTLES = 30.0  # seconds: what was typed has to get about


def is_solved(world: World, number: str) -> None:
    """The whole of it; the world's stage must have been applied."""
    found = find(number)
    before = exercise(world, number)
    assert before.state == NOT_YET, before
    for typed in found.answer:
        type_in(world, typed)
    try:
        becomes(world, number, DONE)
    finally:
        for typed in found.back:
            type_in(world, typed)
    becomes(world, number, NOT_YET)


def becomes(world: World, number: str, state: str) -> None:
    """Wait for it: the last thing that was seen is in the error."""
    until(lambda: exercise(world, number), lambda look: look.state == state, f"{number} {state}", SETTLES)


def type_in(world: World, typed: Typed) -> None:
    """Do what stands there where it stands: in a cell, in our terminal, in a shell on a machine."""
    if typed.where == CELL:
        exec(typed.what, {"world": world, "kept": Kept()})  # as chapter 09 calls what it keeps
        return
    assert world.lab
    env = {**os.environ, "HOMELAB_LAB": world.lab["socket"]}
    argv = ["bash"] if typed.where == HERE else ["./runbook", "lab", "shell", typed.where]
    done = subprocess.run(
        argv,
        input=typed.what + "\n",
        text=True,
        capture_output=True,
        cwd=CHECKOUT,
        env=env,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"{typed.text()}\n{done.stdout}{done.stderr}"
