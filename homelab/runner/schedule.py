"""``./runbook schedule``: let this machine watch a home by itself. Shows what it would change; does it when told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

from homelab import params as worlds
from homelab import stages
from homelab.errors import EXIT_DRIFT, EXIT_OK, PrerequisiteMissing
from homelab.lab_lease import CHECKOUT
from homelab.params import World as Params
from homelab.runner.references import references
from homelab.runner.request import understand
from homelab.secret import mask
from homelab.watch import schedule as schedules
from homelab.watch.when import parse
from homelab.world import open_world


def schedule(params: str, every: str, at: str, remove: bool, apply: bool | None) -> int:
    """Plan (or apply) what starts ``./runbook watch`` on this machine; returns the exit status.

    Raises:
        ParamsError: the params file, or the time, is not good.
        PrerequisiteMissing: this is the lab, or nothing here could start it.
        HomelabError: the change failed.
    """
    when = parse(every, at)
    read = worlds.read(params)
    if read.is_lab:
        raise PrerequisiteMissing(
            "the lab needs no watch: it ends", str(read.path), "name a home: --params FILE"
        )
    understand([], params)
    world = open_world(params, apply)
    try:
        world.run = f"schedule-{time.strftime('%Y-%m-%d_%H-%M-%S')}"
        machine, watch = world.here(), schedules.of_home(read, CHECKOUT)
        if remove:
            plan = schedules.removal(machine, watch)
        else:
            plan = schedules.plan(machine, watch, when, date.today(), list(advice(read)))
        if world.applies and plan:
            world.apply(plan)
            print(
                "\n".join(
                    [*plan.notes, f"Take it back: ./runbook schedule --params {params} --remove --apply"]
                )
            )
            return EXIT_OK
        print(mask(plan.text()))
        if not plan:
            return EXIT_OK
        print(f"{len(plan)} not applied. With --apply it is done.")
        return EXIT_DRIFT
    finally:
        world.close()


def advice(read: Params) -> Iterator[str]:
    """What a watch by night lacks that one by hand has; and what it would be good to have."""
    values = {stage: read.document.under(stage[3:]).data or {} for stage in stages.names()}
    if unset := sorted({str(secret) for _, secret in references(read, values) if secret.kind == "env"}):
        yield (
            f"A timer knows no variables of your shell: {', '.join(unset)} will not be there. "
            "Use file: (chmod 600) or cmd: instead."
        )
    if any(m.address.way == "ssh" for m in read.common.machines.values()):
        yield "A timer has no ssh-agent of your session: the keys that it needs must work without a passphrase."
    if read.common.notify is None:
        yield "Nobody will be told: set notify: (webhook, ntfy or mail) in the params file."
    if read.common.heartbeat is None:
        yield "Nobody will miss a watch that never runs: set heartbeat: to the address of a dead-man's switch."
