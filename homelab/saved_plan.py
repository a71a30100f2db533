"""A plan in a file, ``plan.json``: it does exactly what it says, and is refused where the world has moved on.

The file holds references, never secrets. Its fingerprint tells a file that was edited from the one that was saved:
an edit would be a change that nobody has planned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from homelab import __version__
from homelab.errors import HomelabError, ParamsError, Problem
from homelab.joined_plan import Joined, Left, Step
from homelab.params import World as Params
from homelab.plan import Change
from homelab.record import masked

SCHEMA = 1
NAME, SCRIPT = "plan.json", "plan.sh"
LAB = "{lab}"  # the state folder of the lab: another lab, as good as the one that was planned in, has another
AGAIN = "make the plan anew: ./runbook run --params {params}"


@dataclass(frozen=True)
class Saved:
    """A plan as it was read: of which world, when it was `made` (ISO time with offset) by which run, and from which params file.

    `machines` says how each machine of it was reached.
    """

    path: Path
    world: str
    params: str
    run: str
    made: str
    machines: Mapping[str, str]
    plan: Joined


def ways(params: Params) -> dict[str, str]:
    """How each machine of a home is reached, as its params file says; a lab's are reached by their names."""
    return {name: machine.via for name, machine in params.common.machines.items()}


def document(plan: Joined, params: Params, run: str, source: str, state: str = "") -> dict[str, Any]:
    """What is written into the file; `source` is the params file, as a command line takes it, `state` a lab's folder."""
    used = {step.change.machine for step in plan.steps}
    data = {
        "schema": SCHEMA,
        "version": __version__,
        "world": params.common.world,
        "params": source,
        "run": run,
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "machines": {name: via for name, via in ways(params).items() if name in used},
        "changes": [
            {
                "stage": s.stage,
                "also": list(s.also),
                "of": s.of,
                "needed_by": list(s.needed_by),
                "command": s.change.command,
                **s.change.data(),
            }
            for s in plan.steps
        ],
        "left": [asdict(left) for left in plan.left],
        "notes": list(plan.notes),
        "counts": list(plan.counts),
    }
    safe: dict[str, Any] = masked(data)
    if state:
        safe = _with(safe, state, LAB)
    return {**safe, "fingerprint": fingerprint(safe)}


def _with(data: Any, old: str, new: str) -> Any:
    return json.loads(json.dumps(data).replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))


def in_lab(saved: Saved, state: Path) -> Saved:
    """`saved` for the lab whose state is in the folder `state`: there are its secrets."""
    steps = [
        replace(step, change=Change.load(_with(step.change.data(), LAB, str(state))))
        for step in saved.plan.steps
    ]
    return replace(saved, plan=replace(saved.plan, steps=tuple(steps)))


def text(document: Mapping[str, Any]) -> str:
    """The file's text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def fingerprint(document: Mapping[str, Any]) -> str:
    """The SHA-256 of all that the document says, whatever its layout."""
    said = {key: value for key, value in document.items() if key != "fingerprint"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def load(path: Path) -> Saved:
    """The plan in the file at `path`.

    Raises:
        ParamsError: there is none, it is none of ours, or it was edited since it was saved.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror}", f"a run that plans writes {NAME}") from error
    except ValueError as error:
        raise _bad(path, "is not JSON", f"name the {NAME} of a run, or the run's folder") from error
    if not isinstance(data, dict) or "changes" not in data or "schema" not in data:
        raise _bad(path, "is not a plan", f"name the {NAME} of a run, or the run's folder")
    if data["schema"] != SCHEMA:
        what = f"has schema {data['schema']}, this version reads {SCHEMA}"
        raise _bad(path, what, "apply it with the version that wrote it, or make the plan anew")
    if data.get("fingerprint") != fingerprint(data):
        what = "was edited since it was saved, so nobody has planned what it says"
        raise _bad(path, what, AGAIN.format(params=data.get("params", "FILE")))
    try:
        steps = tuple(
            Step(c["stage"], Change.load(c), tuple(c.get("also", ())), c.get("of", ""))
            for c in data["changes"]
        )
        plan = Joined(
            steps,
            tuple(Left(**left) for left in data["left"]),
            tuple(data["notes"]),
            tuple(data.get("counts", ())),
        )
        words = {key: data[key] for key in ("world", "params", "run", "made", "machines")}
        return Saved(path=path, plan=plan, **words)
    except HomelabError as error:
        raise _bad(path, f"was made by another version: {error.what}", "make the plan anew") from error


def _bad(path: Path, what: str, hint: str) -> ParamsError:
    return ParamsError([Problem(str(path), what, hint)])


def require_fit(saved: Saved, params: Params) -> None:
    """Whether the plan is one for this world.

    Raises:
        ParamsError: it is another world's, a machine is reached in another way now, or a stage is no longer claimed.
    """
    where, again = str(saved.path), AGAIN.format(params=saved.params)
    if saved.world != params.common.world:
        what = f"is a plan for the world {saved.world!r}, and {params.path} is {params.common.world!r}"
        raise ParamsError([Problem(where, what, f"it was made with --params {saved.params}")])
    now = ways(params)
    problems = [
        Problem(where, f"{name} was reached by {via} and is now {now.get(name, 'not there')}", again)
        for name, via in saved.machines.items()
        if now.get(name) != via
    ]
    stages = dict.fromkeys(step.stage for step in saved.plan.steps)
    problems += [
        Problem(where, f"{stage} is no longer claimed under `manage`", again)
        for stage in stages
        if not params.manages(stage)
    ]
    if problems:
        raise ParamsError(problems)
