"""09: an engine with the talk's memory, a record of how it gets slower, and the model behind a padlock."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.exercises.exercise import CELL, Exercise, Typed
from homelab.llm import record
from homelab.llm.result import Report
from homelab.machine import Machine
from homelab.resources import llm_server
from homelab.resources.tailscale_status import status
from homelab.stages import gpu_benchmarks as chapter
from homelab.stages.gpu_benchmarks_record import place

if TYPE_CHECKING:
    from homelab.world import World

TALK, DEEP = 2500, 1024  # tokens of context: the talk's; and twice what the chapter measures
RECORDS = ("report.json", "chosen.json")  # the chapter's measurement, and the panel's
SERVER = f"{chapter.PORT} {chapter.FOLDER}"
HEAD = "from homelab.stages import gpu_benchmarks as chapter\n"


@check
def remembers(machine: Machine, tokens: int) -> Answer:
    """Does the engine run, with room for so many tokens of context?"""
    now = llm_server.read(machine, SERVER)
    good = now.running and now.context >= tokens
    said = f"it runs with {now.context:,} tokens of context" if now.running else "no engine runs"
    return Answer("remembers enough", machine.name, "ok" if good else "fail", said)


def long_memory(world: World) -> Answer:
    """Has the engine the context of the talk's figure?"""
    return remembers(world[chapter.SERVER], TALK)


def measured_deeper(world: World) -> Answer:
    """Does the record on the disk hold decode at a depth that the chapter did not ask for, measured in this lab?

    By the chapter, or in its panel. A record outlives the lab: one of last week is not what was asked for.
    """
    assert world.lab, "an exercise is looked at in the lab only"
    name, began = "measured deeper", Path(world.lab["socket"]).stat().st_mtime
    reports = [found for file in RECORDS if (found := _report(place() / file, began))]
    if not reports:
        return Answer(name, "the record", "fail", "nothing was measured in this lab yet")
    rows = {case.depth: n for r in reports for _, case, what, n in r.rows() if what == "decode"}
    if any(depth >= DEEP for depth in rows):
        said = ", ".join(f"{number} tokens/s at {depth:,}" for depth, number in rows.items())
        return Answer(name, "the record", "ok", said)
    depths = " and ".join(f"{depth:,}" for depth in rows)
    return Answer(name, "the record", "fail", f"it knows how fast at {depths}" if rows else reports[0].ended)


def _report(file: Path, began: float) -> Report | None:
    """The report in `file`, if there is one that was measured after `began` (seconds since 1970)."""
    try:
        found = record.from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    measured = datetime.fromisoformat(found.date).timestamp() if found.date else 0.0
    return found if measured >= began else None


@check
def behind_a_padlock(machine: Machine) -> Answer:
    """Does the engine list its model at the server's long name, by HTTPS with a certificate that is trusted here?"""
    address = f"https://{chapter.SERVER}.{status(machine).get('MagicDNSSuffix', '')}"
    done = machine.run(["curl", "-sS", "-m", "3", f"{address}/v1/models"])
    if not done:
        return Answer(
            "behind a padlock", machine.name, "fail", f"{address} does not answer: curl ends with {done.rc}"
        )
    try:
        models = ", ".join(str(one["id"]) for one in json.loads(done.out)["data"])
    except (ValueError, KeyError, TypeError):
        return Answer(
            "behind a padlock", machine.name, "fail", f"{address} is something else: {done.out[:60]!r}"
        )
    return Answer("behind a padlock", machine.name, "ok", f"{address} serves {models}")


def serves_by_name(world: World) -> Answer:
    """As `behind_a_padlock`, asked by the phone."""
    return behind_a_padlock(world[chapter.ASKER])


EXERCISES = (
    Exercise(
        "The engine keeps the talk's 2,500 tokens in mind",
        long_memory,
        (
            "How much an engine remembers is decided when it starts, because the KV cache is laid out then.",
            "The chapter gives it as much as the deepest of `depths` needs. `chapter.Params(depths=…)`, and the plan names what has to start anew.",
        ),
        (Typed(CELL, f"{HEAD}world.apply(chapter.plan(world, chapter.Params(depths=[0, {TALK}])))"),),
        (Typed(CELL, f"{HEAD}world.apply(chapter.plan(world, chapter.Params()))"),),
    ),
    Exercise(
        "The record knows how fast it writes with 1,024 tokens before it",
        measured_deeper,
        (
            "The last record stays on the disk until the next measurement replaces it. Which parameter says how deep is measured?",
            "A cell of your own: `chapter.Params(depths=…)`, apply its plan first, or the engine has no room for it; then `chapter.engines` and `chapter.measured`, `into=kept`.",
        ),
        (
            Typed(
                CELL,
                f"{HEAD}mine = chapter.Params(depths=[{DEEP}], repetitions=1, tokens=8, limit=60)\n"
                "world.apply(chapter.plan(world, mine))\n"
                "again = chapter.measured(chapter.engines(world, mine), chapter.asked(mine), into=kept)",
            ),
        ),
        (
            Typed(
                CELL,
                f"{HEAD}mine = chapter.Params(depths=[0], repetitions=1, tokens=8)\nworld.apply(chapter.plan(world, mine))\n"
                "again = chapter.measured(chapter.engines(world, mine), chapter.asked(mine), into=kept)\n"
                "world.apply(chapter.plan(world, chapter.Params()))",
            ),
        ),
    ),
    Exercise(
        "The phone asks the model by HTTPS, under the server's long name",
        serves_by_name,
        (
            "`tailscaled` on the server can hold the certificate and pass on what is asked: chapter 05. Certificates have to be switched on for the tailnet.",
            "`tailscale serve --bg` with the address at which the engine listens. It is not 127.0.0.1: the plan of this chapter says where.",
        ),
        (
            Typed(
                CELL,
                "from homelab.stages import enrollment\n"
                'world.apply(enrollment.planned("dns", enrollment.names(world, enrollment.Params())))',
            ),
            Typed(chapter.SERVER, f"tailscale serve --bg http://$(tailscale ip -4):{chapter.PORT}"),
        ),
        (Typed(chapter.SERVER, "tailscale serve --https=443 off"),),
    ),
)
