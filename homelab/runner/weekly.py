"""``./runbook weekly``: one page over all runs of a home. A watch writes it as well."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from homelab import params as worlds
from homelab.errors import EXIT_OK, PrerequisiteMissing
from homelab.params import World
from homelab.runner import folder as folders
from homelab.runner.blot import conceal_all
from homelab.runner.weekly_page import page
from homelab.watch.past import runs


def weekly(params: str) -> int:
    """Write the page, and say where; returns the exit status.

    Raises:
        ParamsError: the params file is not good.
        PrerequisiteMissing: the page cannot be written.
    """
    world = worlds.read(params)
    conceal_all(world, [])
    print(f"Written: {write(world)}")
    return EXIT_OK


def write(world: World, now: datetime | None = None) -> Path:
    """Write the page of a home, whole or not at all; returns where.

    Raises:
        PrerequisiteMissing: it cannot be written.
    """
    name, shelf = world.common.world, folders.RUNS
    text = page(name, world.common.about, runs(shelf, name), now or datetime.now().astimezone())
    path = shelf / f"weekly-{name}.html"
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise PrerequisiteMissing(
            f"the weekly page cannot be written: {error.strerror}", str(path)
        ) from error
    return path
